package nginx

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/proxy"
)

// API is the decision API as an adapter over HTTP asks it: r tells who asks and, to
// Decide, in headers as of a forwarded request, about what. Errors are gRPC statuses.
type API interface {
	Decide(r *http.Request) (*fairwayv1.Decision, error)
	Weights(r *http.Request, services ...string) ([]*fairwayv1.ServiceWeights, error)
}

// Handler answers nginx. It is safe for concurrent use.
type Handler struct {
	api       API
	lua, auth *proxy.Adapter
}

// New returns a handler that asks api, and counts as the adapters nginx-lua and
// nginx-auth. m may be nil.
func New(api API, m *proxy.Metrics) *Handler {
	return &Handler{api: api, lua: m.Adapter("nginx-lua"), auth: m.Adapter("nginx-auth")}
}

// Auth answers auth_request: 204 with the address of an endpoint in
// X-Fairway-Address, and more about the decision in headers that are called as those
// of GET /v1/decide. Whatever is wrong, it is 204 without the address, for another
// status would refuse the request that nginx asks for; X-Fairway-Reason says what.
func (h *Handler) Auth(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	defer w.WriteHeader(http.StatusNoContent)
	r.Header.Del("X-Fairway-Want-Weights") // a stranger's, of no use here, and an error where it is no truth value
	d, err := h.api.Decide(r)
	if err != nil {
		h.open(head, reasonOf(err))
		return
	}
	at, usable := address(d.GetEndpoint())
	switch {
	case d.GetEndpoint().GetName() == "":
		h.open(head, "no_endpoints")
		return
	case !usable:
		h.open(head, "no_address")
		return
	}
	head.Set("X-Fairway-Address", at)
	for name, value := range map[string]string{
		"Endpoint": d.Endpoint.Name, "Route": d.Route, "Subset": d.Destination.GetSubset(), "Source": d.Source.String(), "Reason": d.Reason,
	} {
		if value != "" {
			head.Set("X-Fairway-"+name, printable(value))
		}
	}
	head.Set("X-Fairway-Timeout-Ms", strconv.FormatInt(d.Timeout.AsDuration().Milliseconds(), 10))
	head.Set("X-Fairway-Retries", strconv.Itoa(int(d.Retries)))
	h.auth.Answered()
}

func (h *Handler) open(head http.Header, reason string) {
	head.Set("X-Fairway-Reason", reason)
	h.auth.FailedOpen(reason)
}

// Weights answers the timer: what the endpoints of a service get, by address, on the
// route that is named or, where none is, of a request that says nothing about itself.
// It is 304 to who has the same weights. Where nginx cannot be told where to send
// anything there are no endpoints, and a reason.
func (h *Handler) Weights(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	service, route := strings.ToValidUTF8(q.Get("service"), "\uFFFD"), strings.ToValidUTF8(q.Get("route"), "\uFFFD")
	for name := range q {
		if name != "service" && name != "route" {
			refuse(w, status.Errorf(codes.InvalidArgument, "%q is not known; want service or route", name))
			h.lua.FailedOpen("malformed")
			return
		}
	}
	if service == "" {
		refuse(w, status.Error(codes.InvalidArgument, "no service is named; want /proxy/nginx/weights?service=NAME"))
		h.lua.FailedOpen("malformed")
		return
	}
	all, err := h.api.Weights(r, service)
	if err != nil {
		refuse(w, err)
		h.lua.FailedOpen(reasonOf(err))
		return
	}
	out := sheetOf(all[0], route)
	if out.Reason == "" {
		h.lua.Answered()
	} else {
		h.lua.FailedOpen(out.Reason)
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", `"`+out.Version+`"`)
	w.Header().Set("X-Fairway-TTL", strconv.FormatFloat(out.TTL, 'g', -1, 64))
	if r.Header.Get("If-None-Match") == `"`+out.Version+`"` {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // an error is nginx's, which is gone
}

// sheet is what the timer reads. The Version is a text: lua's numbers are not exact
// beyond 2^53, and it is compared only.
type sheet struct {
	Version   string  `json:"version"`
	TTL       float64 `json:"ttl"` // seconds for which the weights may be used, from each answer on
	Service   string  `json:"service"`
	Route     string  `json:"route,omitempty"`
	Source    string  `json:"source"`
	Reason    string  `json:"reason,omitempty"` // why there are no endpoints
	Endpoints []share `json:"endpoints"`
}

type share struct {
	Name    string  `json:"name"`
	Address string  `json:"address"`
	Weight  float64 `json:"weight"` // they sum to 1
}

// sheetOf reads the weights of a route; "" is that of a request without any header.
func sheetOf(w *fairwayv1.ServiceWeights, route string) sheet {
	out := sheet{
		Version: strconv.FormatUint(w.TableVersion, 10), TTL: w.Ttl.AsDuration().Seconds(),
		Service: w.Service, Source: w.Source.String(), Endpoints: []share{},
	}
	if len(w.Endpoints) == 0 {
		out.Reason = "unknown_service"
		return out
	}
	chosen := routeOf(w, route)
	if chosen == nil {
		out.Reason = "unknown_route"
		return out
	}
	out.Route = chosen.Name
	byName := make(map[string]*fairwayv1.Endpoint, len(w.Endpoints))
	for _, e := range w.Endpoints {
		byName[e.Name] = e
	}
	for _, ew := range chosen.Weights {
		at, usable := address(byName[ew.Endpoint])
		if ew.Weight > 0 && !usable {
			out.Endpoints, out.Reason = []share{}, "no_address"
			return out
		}
		if usable {
			out.Endpoints = append(out.Endpoints, share{ew.Endpoint, at, ew.Weight})
		}
	}
	if len(out.Endpoints) == 0 {
		out.Reason = "no_endpoints"
	}
	return out
}

// routeOf finds a route by its name; of no name, the first that every request takes
// while its criteria are met.
func routeOf(w *fairwayv1.ServiceWeights, name string) *fairwayv1.RouteWeights {
	for _, r := range w.Routes {
		if name != "" && r.Name == name || name == "" && r.Met && len(r.Match) == 0 {
			return r
		}
	}
	return nil
}

// address is where nginx can connect to without asking a resolver, which neither
// balancer_by_lua nor a variable in proxy_pass has: IP:port or unix:PATH. Where the
// metrics know an endpoint by its address, the name is that.
func address(e *fairwayv1.Endpoint) (at string, usable bool) {
	if at = e.GetAddress(); at == "" {
		at = e.GetName()
	}
	if path, local := strings.CutPrefix(at, "unix:"); local {
		return at, strings.HasPrefix(path, "/") && printable(at) == at
	}
	if port, here := strings.CutPrefix(at, "localhost:"); here {
		at = "127.0.0.1:" + port
	}
	addr, err := netip.ParseAddrPort(at)
	return addr.String(), err == nil && addr.Port() > 0 && addr.Addr().Zone() == ""
}

// reasonOf names why the API did not answer, as metrics call it.
func reasonOf(err error) string {
	switch status.Code(err) {
	case codes.InvalidArgument:
		return "malformed"
	case codes.Unauthenticated, codes.PermissionDenied, codes.ResourceExhausted:
		return "refused"
	}
	return "failed"
}

// refuse tells the timer, which keeps what it has.
func refuse(w http.ResponseWriter, err error) {
	st := status.Convert(err)
	code := http.StatusServiceUnavailable
	switch st.Code() {
	case codes.InvalidArgument:
		code = http.StatusBadRequest
	case codes.Unauthenticated, codes.PermissionDenied:
		code = http.StatusForbidden
	case codes.ResourceExhausted:
		code = http.StatusTooManyRequests
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, st.Message(), code)
}

// printable is a value that a header can hold, percent-encoded where it must be.
func printable(value string) string {
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
		return url.PathEscape(value)
	}
	return value
}
