package istio

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"istio.io/api/networking/v1alpha3"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// What Istio retries where a rule does not say (its defaultHttpRetryPolicy).
const (
	defaultRetries = 2
	defaultRetryOn = "connect-failure,refused-stream,unavailable,cancelled"
)

// maxRetries is more than anybody means.
const maxRetries = 100

var routeRefused = []field{
	{"redirect", "it answers in place of an endpoint; leave it to the proxy, in an object that fairway does not read"},
	{"directResponse", "it answers in place of an endpoint; leave it to the proxy, in an object that fairway does not read"},
	{"delegate", "write the rules of the other object here"},
}

var routeLeft = []field{
	{"rewrite", "requests go where they would without, by what they asked for before"},
	{"mirror", "fairway does not choose endpoints for copies of requests"},
	{"mirrors", "fairway does not choose endpoints for copies of requests"},
	{"mirrorPercent", "fairway does not choose endpoints for copies of requests"},
	{"mirrorPercentage", "fairway does not choose endpoints for copies of requests"},
	{"corsPolicy", "fairway does not answer preflights nor add headers"},
	{"headers", "fairway does not change headers"},
}

var retriesLeft = []field{
	{"retryRemoteLocalities", "fairway does not say where a retry goes"},
	{"retryIgnorePreviousHosts", "fairway does not say where a retry goes"},
	{"backoff", "fairway does not say when a retry begins"},
}

var faultRefused = []field{{"abort", "it answers in place of an endpoint; leave it to the proxy, in an object that fairway does not read"}}
var faultLeft = []field{{"delay", "fairway adds no delay"}}

// routes are the rules of a VirtualService, one for each match. Targets name their
// service, the object's own too.
func (t *translator) routes(o *manifest.Object, v *v1alpha3.VirtualService) []rules.Route {
	var all []rules.Route
	for i, h := range v.Http {
		p := place{o: o}.in("http", i)
		if h == nil { // null is an entry, and says nothing
			t.refuse(p, "an empty rule")
			continue
		}
		t.refuseFields(p, routeRefused)
		t.leaveFields(p, routeLeft)
		t.refuseFields(p.in("fault"), faultRefused)
		t.leaveFields(p.in("fault"), faultLeft)

		r := rules.Route{Name: h.Name, Where: p.String()}
		if r.Name == "" {
			r.Name = fmt.Sprintf("%s.%d", o.Name, i+1)
		}
		r.To = t.targets(p, h)
		t.timeouts(p, h, &r)
		all = append(all, t.alternatives(p, h.Match, &r, v.Gateways)...)
	}
	return all
}

// alternatives are the route, once for each of its matches.
func (t *translator) alternatives(p place, matches []*v1alpha3.HTTPMatchRequest, r *rules.Route, gateways []string) []rules.Route {
	if len(matches) == 0 {
		return []rules.Route{*r}
	}
	var all []rules.Route
	for j, m := range matches {
		at := p.in("match", j)
		alternative := *r
		alternative.Where = at.String()
		if j > 0 {
			alternative.Name = fmt.Sprintf("%s/%d", r.Name, j+1)
		}
		alternative.Match = t.match(at, m, gateways)
		all = append(all, alternative)
	}
	return all
}

func (t *translator) timeouts(p place, h *v1alpha3.HTTPRoute, r *rules.Route) {
	r.Timeout = rules.DefaultTimeout
	if h.Timeout != nil {
		r.Timeout = t.duration(p.in("timeout"), h.Timeout, "timeout",
			fmt.Sprintf("that is none in Istio, and fairway always has one, %v unless a rule says otherwise; write the longest that is worth waiting for", rules.DefaultTimeout))
	}
	if h.Retries == nil {
		r.Retries, r.RetryOn = defaultRetries, defaultRetryOn
		return
	}
	at := p.in("retries")
	t.leaveFields(at, retriesLeft)
	if n := h.Retries.Attempts; n < 0 || n > maxRetries {
		t.refuse(at.in("attempts"), "attempts is %d; write 0 to %d", n, maxRetries)
	}
	r.Retries = int(h.Retries.Attempts)
	if r.Retries == 0 {
		return // switched off, whatever the conditions
	}
	if r.RetryOn = h.Retries.RetryOn; r.RetryOn == "" {
		r.RetryOn = defaultRetryOn
	}
	if h.Retries.PerTryTimeout != nil {
		r.PerTry = t.duration(at.in("perTryTimeout"), h.Retries.PerTryTimeout, "perTryTimeout", "leave it out for the whole timeout")
	}
}

// duration is one of at least a millisecond, as Istio asks for.
func (t *translator) duration(p place, d *durationpb.Duration, what, none string) time.Duration {
	switch length := d.AsDuration(); {
	case d.CheckValid() != nil:
		t.refuse(p, "%s is out of range", what)
	case length == 0:
		t.refuse(p, "%s is 0s: %s", what, none)
	case length < time.Millisecond:
		t.refuse(p, "%s is %v; write at least 1ms", what, length)
	default:
		return length
	}
	return time.Second
}
