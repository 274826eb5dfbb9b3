package api

import (
	"context"
	"maps"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router"
)

// Metrics counts calls and what was decided. It is safe for concurrent use,
// and allocates only when it counts something for the first time.
type Metrics struct {
	clock     func() time.Time
	requests  cells[call]
	decisions cells[verdict]
	outcomes  cells[outcome]
	seconds   map[string]prometheus.Observer // by method
}

type call struct {
	method string
	code   codes.Code
}

type verdict struct {
	service string
	source  router.Source
	reason  router.Reason
}

type outcome struct{ service, result string }

// NewMetrics registers the metrics. clock is what latencies are measured with.
func NewMetrics(reg prometheus.Registerer, clock func() time.Time) *Metrics {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_requests_total",
		Help: "Calls of the API that ended, by method and gRPC status.",
	}, []string{"method", "grpc_status"})
	decisions := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_decisions_total",
		Help: "Requests decided, by who set the weights and, where that was not the model, why. The service is empty when it is not known.",
	}, []string{"service", "source", "reason"})
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_reports_total",
		Help: "Outcomes reported: ok, failed (5xx or no answer), or unknown when the table lacks the endpoint.",
	}, []string{"service", "result"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fairway_request_duration_seconds",
		Help:    "Time that unary calls took in the server, by method.",
		Buckets: prometheus.ExponentialBuckets(10e-6, 2, 16), // 10 µs to 0.33 s
	}, []string{"method"})
	reg.MustRegister(requests, decisions, outcomes, seconds)

	m := &Metrics{clock: clock, seconds: map[string]prometheus.Observer{}}
	m.requests.child = func(c call) prometheus.Counter {
		return requests.WithLabelValues(c.method, c.code.String())
	}
	m.decisions.child = func(v verdict) prometheus.Counter {
		return decisions.WithLabelValues(v.service, v.source.String(), string(v.reason))
	}
	m.outcomes.child = func(o outcome) prometheus.Counter {
		return outcomes.WithLabelValues(o.service, o.result)
	}
	for _, method := range fairwayv1.Router_ServiceDesc.Methods {
		m.seconds[method.MethodName] = seconds.WithLabelValues(method.MethodName)
		m.requests.at(call{method.MethodName, codes.OK})
	}
	return m
}

// Unary is an interceptor that counts and times unary calls.
func (m *Metrics) Unary(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	start := m.clock()
	out, err := next(ctx, in)
	method := path.Base(info.FullMethod)
	if seconds, ours := m.seconds[method]; ours {
		seconds.Observe(m.clock().Sub(start).Seconds())
	}
	m.requests.at(call{method, code(err)}).Inc()
	return out, err
}

// Stream is an interceptor that counts streams when they end.
func (m *Metrics) Stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	err := next(srv, stream)
	m.requests.at(call{path.Base(info.FullMethod), code(err)}).Inc()
	return err
}

// code is what gRPC tells the client of err.
func code(err error) codes.Code {
	if st, ok := status.FromError(err); ok {
		return st.Code()
	}
	return status.FromContextError(err).Code()
}

// cells finds counters by key without a lock: the map is replaced, never
// written, when a key comes for the first time.
type cells[K comparable] struct {
	child func(K) prometheus.Counter
	known atomic.Pointer[map[K]prometheus.Counter]
	mu    sync.Mutex // held to replace known
}

func (c *cells[K]) at(key K) prometheus.Counter {
	if known := c.known.Load(); known != nil {
		if counter, ok := (*known)[key]; ok {
			return counter
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[K]prometheus.Counter{}
	if known := c.known.Load(); known != nil {
		maps.Copy(next, *known)
	}
	counter := c.child(key)
	next[key] = counter
	c.known.Store(&next)
	return counter
}
