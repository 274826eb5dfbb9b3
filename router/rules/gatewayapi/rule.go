package gatewayapi

import (
	"fmt"
	"time"

	v1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// rule is what HTTPRoute and GRPCRoute have in common.
type rule struct {
	at       path
	name     string
	matches  []match // alternatives
	backends []v1.BackendRef
	session  *v1.SessionPersistence
	route    rules.Route // timeout and retries
}

// match is one alternative of a rule.
type match struct {
	at    path
	holds rules.Match
	// rank is compared from left to right, greater first.
	rank []int
}

// maxRoutes bounds the routes of a service: they are compared with each other.
const maxRoutes = 10_000

// take adds a rule to the services that the object is for.
func (o *object) take(services []*service, i int, r *rule) {
	if len(r.matches) == 0 {
		r.matches = []match{{at: r.at}}
	}
	name := r.name
	if name == "" {
		name = fmt.Sprintf("%s.%d", o.Name, i+1)
	}
	for _, s := range services {
		if len(s.routes)+len(r.matches) > maxRoutes {
			o.fail(r.at, "service %q has more than %d routes; take some away", s.name, maxRoutes)
			return
		}
		to := o.targets(s, r)
		s.balance(o, r)
		for j, m := range r.matches {
			route := r.route
			route.Name, route.Match, route.To, route.Where = name, m.holds, to, o.At(m.at...)
			if j > 0 {
				route.Name = fmt.Sprintf("%s/%d", name, j+1)
			}
			s.routes = append(s.routes, ranked{route, m.rank, o.Created, o.Home() + "/" + o.Name, o.Name, o.File, o.LineOf(m.at...)})
		}
	}
}

// targets are the services that a rule sends to, with their parts of the requests.
func (o *object) targets(s *service, r *rule) []rules.Target {
	var to []rules.Target
	sum := 0.0
	for i := range r.backends {
		ref, at := &r.backends[i], r.at.in("backendRefs", i)
		name, ok := o.backend(ref, at)
		if !ok {
			continue
		}
		weight := 1.0
		if ref.Weight != nil {
			weight = float64(*ref.Weight)
		}
		if weight < 0 || weight > 1e6 {
			o.fail(at, "weight is %v; write 0 to 1000000", weight)
			continue
		}
		sum += weight
		if name == s.name {
			name = ""
		}
		to = add(to, rules.Target{Service: name, Weight: weight})
	}
	switch {
	case len(r.backends) == 0:
		o.fail(r.at, "a rule without backendRefs sends its requests nowhere (a proxy answers 404 or 500): not supported; name a Service")
	case len(to) > 0 && sum == 0:
		o.fail(r.at.in("backendRefs"), "all weights are 0, so that the requests go nowhere (a proxy answers 500): not supported; give one a weight")
	case len(to) == 1 && to[0].Service == "":
		return []rules.Target{{Auto: true}} // the service as it is without a rule
	}
	for i := range to {
		to[i].Weight *= 100 / sum
	}
	return to
}

// add adds up what goes to one service by several ports.
func add(to []rules.Target, t rules.Target) []rules.Target {
	for i := range to {
		if to[i].Service == t.Service {
			to[i].Weight += t.Weight
			return to
		}
	}
	return append(to, t)
}

// backend names the service of a reference.
func (o *object) backend(ref *v1.BackendRef, at path) (string, bool) {
	if kind := of(ref.Group, "") + "/" + of(ref.Kind, "Service"); kind != "/Service" {
		o.fail(at, "a backend of kind %s is not supported; use a Service", kind)
		return "", false
	}
	namespace := of(ref.Namespace, o.Home())
	if namespace != o.Home() && !o.granted(namespace, string(ref.Name)) {
		o.find(manifest.Warning, at, "no ReferenceGrant among these files lets it name Service %s of namespace %s; Kubernetes' proxies refuse that", ref.Name, namespace)
	}
	return manifest.Service(string(ref.Name), namespace, o.home), true
}

// duration reads one of the Gateway API (GEP-2257), which is a subset of Go's.
func (o *object) duration(text *v1.Duration, at path) time.Duration {
	if text == nil {
		return 0
	}
	d, err := time.ParseDuration(string(*text))
	switch {
	case err != nil || d < 0:
		o.fail(at, "duration is %q; write it as in 500ms or 1m30s", string(*text))
	case d == 0:
		o.fail(at, "0s, which is no timeout, is not supported: a request ends at some time; write how long it may take")
	}
	return d
}

func number(n v1.PortNumber) string { return fmt.Sprint(n) }
