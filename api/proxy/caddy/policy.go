package caddy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/mesh"
)

func init() { caddy.RegisterModule(new(Policy)) }

// Policy is http.reverse_proxy.selection_policies.fairway.
type Policy struct {
	// Targets are the daemons; default: 127.0.0.1:7443. The first is listened to for
	// as long as it speaks, then the next.
	Targets []string `json:"targets,omitempty"`
	// Service is the name that the metrics and the rules have for what is proxied.
	Service string `json:"service"`
	// SessionKey, in which Caddy's placeholders are replaced, keeps requests with the
	// same value at one endpoint while the weights stay: {http.request.cookie.id}.
	SessionKey string `json:"session_key,omitempty"`
	// Identity is a directory as "fairway identity issue" writes it; with it the
	// daemon is spoken to over TLS, as who the certificate in it says.
	Identity string `json:"identity,omitempty"`
	// FallbackRaw is the policy that picks where fairway cannot; default: random.
	FallbackRaw json.RawMessage `json:"fallback,omitempty" caddy:"namespace=http.reverse_proxy.selection_policies inline_key=policy"`

	fallback reverseproxy.Selector
	feed     *feed
	key      string // of feed
	count    *proxy.Adapter
}

// CaddyModule returns the module's name.
func (*Policy) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.selection_policies.fairway", New: func() caddy.Module { return new(Policy) }}
}

// Provision begins to listen to the daemon, or goes on with what another policy of
// the same daemons and service has heard. It waits for no daemon.
func (p *Policy) Provision(ctx caddy.Context) error {
	if p.FallbackRaw == nil {
		p.FallbackRaw = caddyconfig.JSONModuleObject(reverseproxy.RandomSelection{}, "policy", "random", nil)
	}
	mod, err := ctx.LoadModule(p, "FallbackRaw")
	if err != nil {
		return fmt.Errorf("fairway: fallback: %w", err)
	}
	p.fallback = mod.(reverseproxy.Selector)
	if len(p.Targets) == 0 {
		p.Targets = []string{"127.0.0.1:7443"}
	}
	p.count = proxy.NewMetrics(ctx.GetMetricsRegistry()).Adapter("caddy")
	if err := p.Validate(); err != nil { // Caddy asks only afterwards
		return err
	}
	p.feed, p.key, err = p.listen(ctx.Logger())
	return err
}

// Validate reports what is missing.
func (p *Policy) Validate() error {
	if p.Service == "" {
		return errors.New("fairway: no service; want its name as the metrics and the rules have it")
	}
	return nil
}

// Cleanup stops listening, unless others still do.
func (p *Policy) Cleanup() error {
	if p.feed == nil {
		return nil
	}
	p.feed = nil
	_, err := feeds.Delete(p.key)
	return err
}

// draws is how often an endpoint is drawn before the fallback picks: what is left of
// the draws by weight, without those that cannot take a request, is one by the weights
// of the others.
const draws = 8

// Select picks an upstream, none where none is available. Upstreams are matched to
// endpoints by their address.
func (p *Policy) Select(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	req := p.request(r)
	reason := ""
	for range draws {
		choice := p.feed.client.Pick(p.Service, &req)
		if reason = useless(choice); reason != "" {
			break
		}
		up := find(pool, choice)
		if up != nil && up.Available() {
			p.count.Answered()
			return up
		}
		if reason = "unavailable"; up == nil {
			reason = "unknown_endpoint"
		}
		if req.SessionKey != "" { // another draw picks the same
			break
		}
	}
	p.count.FailedOpen(reason)
	return p.fallback.Select(pool, r, w)
}

// useless says why a choice is not one by weights that hold.
func useless(c client.Choice) string {
	switch {
	case c.Route == nil:
		return "no_answer"
	case c.From == client.Equal:
		return "expired"
	case c.Endpoint == nil:
		return "no_endpoints"
	}
	return ""
}

func find(pool reverseproxy.UpstreamPool, c client.Choice) *reverseproxy.Upstream {
	at := c.Endpoint.GetAddress()
	if at == "" { // the metrics know it by its address
		at = c.Endpoint.GetName()
	}
	for _, up := range pool {
		if up.Dial == at {
			return up
		}
	}
	return nil
}

// request is what rules may ask of r.
func (p *Policy) request(r *http.Request) mesh.Request {
	req := mesh.Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Host: r.Host}
	req.Headers = make(map[string]string, len(r.Header))
	for name, values := range r.Header {
		separator := ", "
		if name == "Cookie" {
			separator = "; "
		}
		req.Headers[strings.ToLower(name)] = strings.Join(values, separator)
	}
	if p.SessionKey != "" {
		if replacer, is := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); is {
			req.SessionKey = replacer.ReplaceAll(p.SessionKey, "")
		}
	}
	return req
}

var (
	_ reverseproxy.Selector = (*Policy)(nil)
	_ caddy.Provisioner     = (*Policy)(nil)
	_ caddy.Validator       = (*Policy)(nil)
	_ caddy.CleanerUpper    = (*Policy)(nil)
)
