package http

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/guard"
)

// Config bounds what the handler takes.
type Config struct {
	// MaxBytes is the most of one body, and of one report of many.
	MaxBytes int64
	// Timeout is how long a body may take to come, how long a call may take,
	// and how long a Watch waits for a client that does not read.
	Timeout time.Duration
	// Silence is how long a stream of reports may bring nothing.
	Silence time.Duration
}

// DefaultConfig takes messages as large as gRPC does.
func DefaultConfig() Config {
	return Config{MaxBytes: 4 << 20, Timeout: 10 * time.Second, Silence: 5 * time.Minute}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	if c.MaxBytes < 1 {
		errs = append(errs, fmt.Errorf("api/http: max bytes is %d; want at least 1", c.MaxBytes))
	}
	if c.Timeout <= 0 || c.Silence <= 0 {
		errs = append(errs, fmt.Errorf("api/http: timeout is %v, silence %v; want both above 0", c.Timeout, c.Silence))
	}
	return errors.Join(errs...)
}

// Handler answers HTTP requests. It is safe for concurrent use.
type Handler struct {
	server  *api.Server
	metrics *api.Metrics
	guard   *guard.Guard
	cfg     Config
	mux     *http.ServeMux
	sites   http.CrossOriginProtection
}

// New returns a handler that calls server, and counts by metrics. A nil guard
// lets everybody call everything.
func New(server *api.Server, metrics *api.Metrics, guard *guard.Guard, cfg Config) (*Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &Handler{server: server, metrics: metrics, guard: guard, cfg: cfg, mux: http.NewServeMux()}
	h.serve("/v1/decide", map[string]http.HandlerFunc{"POST": unary(h, "Decide", body, server.Decide, plain), "GET": unary(h, "Decide", asked, server.Decide, headed)})
	h.serve("/v1/decide-batch", map[string]http.HandlerFunc{"POST": unary(h, "DecideBatch", body, server.DecideBatch, plain)})
	h.serve("/v1/forecast", map[string]http.HandlerFunc{"POST": unary(h, "Forecast", body, server.Forecast, plain), "GET": unary(h, "Forecast", forecast, server.Forecast, plain)})
	h.serve("/v1/explain", map[string]http.HandlerFunc{"POST": unary(h, "Explain", body, server.Explain, plain)})
	h.serve("/v1/weights/{service}", map[string]http.HandlerFunc{"GET": unary(h, "Watch", one, server.Weights, tagged)})
	h.serve("/v1/report", map[string]http.HandlerFunc{"POST": h.report})
	h.serve("/v1/watch", map[string]http.HandlerFunc{"GET": h.watch})
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, status.Errorf(codes.NotFound, "there is nothing at %s; see docs/http.md", r.URL.Path))
	})
	return h, nil
}

// ServeHTTP implements http.Handler. What a browser sends for another site is
// refused: it comes from this machine, which may do everything, and a page that
// somebody looks at here is not of it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h.sites.Check(r); err != nil {
		fail(w, status.Errorf(codes.PermissionDenied, "a browser sends this for another site: %v", err))
		return
	}
	h.mux.ServeHTTP(w, r)
}

// serve answers at a path by method, and with 405 to the others. Who may GET
// may also HEAD.
func (h *Handler) serve(path string, by map[string]http.HandlerFunc) {
	var allowed []string
	for _, method := range []string{"GET", "HEAD", "POST"} {
		if by[method] == nil && (method != "HEAD" || by["GET"] == nil) {
			continue
		}
		allowed = append(allowed, method)
		if method != "HEAD" {
			h.mux.HandleFunc(method+" "+path, by[method])
		}
	}
	h.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		refuse(w, http.StatusMethodNotAllowed, status.Newf(codes.Unimplemented, "%s takes %s, not %s", r.URL.Path, strings.Join(allowed, " and "), r.Method))
	})
}

// fullMethod is the name by which gRPC, metrics and guard know a call.
func fullMethod(name string) string {
	return "/" + fairwayv1.Router_ServiceDesc.ServiceName + "/" + name
}

// descOf is how gRPC calls a stream.
func descOf(name string) *grpc.StreamDesc {
	for i := range fairwayv1.Router_ServiceDesc.Streams {
		if desc := &fairwayv1.Router_ServiceDesc.Streams[i]; desc.StreamName == name {
			return desc
		}
	}
	return nil
}
