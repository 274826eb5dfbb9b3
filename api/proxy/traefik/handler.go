package traefik

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/proxy"
)

// API is the decision API as an adapter over HTTP asks it; r tells who asks. No
// services are all of them; errors are gRPC statuses.
type API interface {
	Weights(r *http.Request, services ...string) ([]*fairwayv1.ServiceWeights, error)
}

// Handler answers Traefik's HTTP provider. It is safe for concurrent use.
type Handler struct {
	api   API
	count *proxy.Adapter

	mu   sync.Mutex
	last map[string][]server // by scheme and name: what a route had while it had endpoints
}

// mostKept bounds what is kept of routes that have been.
const mostKept = 10000

// New returns a handler that asks api, and counts as the adapter traefik. m may be nil.
func New(api API, m *proxy.Metrics) *Handler {
	return &Handler{api: api, count: m.Adapter("traefik"), last: map[string][]server{}}
}

// ServeHTTP answers with the document, of the services that are named (service=,
// none: all), with routers for the hosts (host=) or without (routers=no), URLs of a
// scheme (scheme=https), and checks of a path (health=/healthz).
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	want, services, err := read(r)
	if err != nil {
		h.refuse(w, http.StatusBadRequest, "malformed", err.Error())
		return
	}
	all, err := h.api.Weights(r, services...)
	if err != nil {
		code, reason := http.StatusServiceUnavailable, "failed"
		switch status.Code(err) {
		case codes.Unauthenticated, codes.PermissionDenied:
			code, reason = http.StatusForbidden, "refused"
		case codes.ResourceExhausted:
			code, reason = http.StatusTooManyRequests, "refused"
		case codes.InvalidArgument:
			code, reason = http.StatusBadRequest, "malformed"
		}
		h.refuse(w, code, reason, status.Convert(err).Message())
		return
	}
	want.many = len(all) > 1
	out, left := h.translate(all, want)
	if len(out.HTTP.Services) == 0 { // an empty document would make Traefik forget the last
		h.refuse(w, http.StatusServiceUnavailable, "no_endpoints", "no endpoints are known: "+strings.Join(services, ", "))
		return
	}
	text, err := json.Marshal(out)
	if err != nil {
		h.refuse(w, http.StatusServiceUnavailable, "failed", err.Error())
		return
	}
	for _, why := range left {
		w.Header().Add("X-Fairway-Left-Out", url.PathEscape(why))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	h.count.Answered()
	_, _ = w.Write(append(text, '\n')) // an error is Traefik's, which is gone
}

// refuse makes Traefik keep the last document.
func (h *Handler) refuse(w http.ResponseWriter, code int, reason, text string) {
	h.count.FailedOpen(reason)
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, code)
}

func read(r *http.Request) (want asked, services []string, err error) {
	q := r.URL.Query()
	for name, values := range q {
		if !slices.Contains([]string{"service", "host", "scheme", "health", "routers"}, name) {
			return want, nil, fmt.Errorf("%q is not known; want service, host, scheme, health or routers", name)
		}
		for i := range values {
			values[i] = strings.ToValidUTF8(values[i], "\uFFFD")
		}
	}
	want = asked{hosts: q["host"], scheme: "http", health: q.Get("health"), routers: q.Get("routers") != "no"}
	switch s := q.Get("scheme"); s {
	case "":
	case "http", "https", "h2c":
		want.scheme = s
	default:
		return want, nil, fmt.Errorf("scheme is %q; want http, https or h2c", s)
	}
	if s := q.Get("routers"); s != "" && s != "yes" && s != "no" {
		return want, nil, fmt.Errorf("routers is %q; want yes or no", s)
	}
	if want.health != "" && !strings.HasPrefix(want.health, "/") {
		return want, nil, fmt.Errorf("health is %q; want a path such as /healthz", want.health)
	}
	return want, q["service"], nil
}

// translate makes the document, and says which routers it lacks.
func (h *Handler) translate(all []*fairwayv1.ServiceWeights, want asked) (out document, left []string) {
	out.HTTP = configuration{Routers: map[string]router{}, Services: map[string]service{}}
	for _, w := range all {
		before := len(out.HTTP.Services)
		if r := plainOf(w); r != nil {
			h.add(&out, named(w.Service, ""), w, r, want)
		}
		if !want.routers {
			continue
		}
		for _, r := range w.Routes {
			h.add(&out, named(w.Service, r.Name), w, r, want)
		}
		known := len(out.HTTP.Services) > before
		hosts := want.hosts
		if len(hosts) == 0 && want.many {
			hosts = []string{w.Service}
		}
		routers, err := routersOf(w, hosts, func(route string) (string, bool) {
			name := named(w.Service, route)
			_, there := out.HTTP.Services[name]
			if !there && known && route != w.Routes[len(w.Routes)-1].Name {
				// Without servers, so that Traefik answers 503 and not the rules behind.
				out.HTTP.Services[name], there = service{balancer{Servers: []server{}}}, true
			}
			return name, there
		})
		if err != nil { // some routers without others would send requests where no rule does
			left = append(left, err.Error())
			h.count.FailedOpen("unsupported_match")
		}
		for name, r := range routers {
			out.HTTP.Routers[name] = r
		}
	}
	return out, left
}

// add adds the servers of a route, or those that it had last.
func (h *Handler) add(out *document, name string, w *fairwayv1.ServiceWeights, r *fairwayv1.RouteWeights, want asked) {
	servers, usable := serversOf(w, r, want.scheme)
	key := want.scheme + " " + name
	h.mu.Lock()
	defer h.mu.Unlock()
	if usable {
		if len(h.last) >= mostKept {
			clear(h.last)
		}
		h.last[key] = servers
	} else if servers = h.last[key]; len(servers) == 0 {
		return
	} else {
		h.count.FailedOpen("no_endpoints")
	}
	b := balancer{Servers: servers}
	if want.health != "" {
		b.HealthCheck = &check{want.health, "1s", "1s"}
	}
	out.HTTP.Services[name] = service{b}
}
