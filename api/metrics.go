package api

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts calls and what was decided. It is safe for concurrent use,
// and allocates only when it counts something for the first time. Its labels
// are the operations of the API, the closed sets of gRPC and router, and the
// services of the table: no name that a client thinks of.
type Metrics struct {
	// Log, where it is set before the first call, is told of calls that end.
	Log *AccessLog

	clock      func() time.Time
	operations map[string]*operation // by full method
	other      *operation            // health, reflection
	decisions  cells[verdict]
	outcomes   cells[outcome]
	sheds      map[string]prometheus.Counter // by operation
}

type verdict struct {
	service string
	source  router.Source
	reason  router.Reason
}

type outcome struct{ service, result string }

// NewMetrics registers the metrics. clock is what latencies are measured with.
func NewMetrics(reg prometheus.Registerer, clock func() time.Time) *Metrics {
	decisions := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_decisions_total",
		Help: "Requests decided, by who set the weights and, where that was not the model, why. The service is empty when it is not known.",
	}, []string{"service", "source", "reason"})
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_reports_total",
		Help: "Outcomes reported: ok, failed (5xx or no answer), unknown when the table lacks the endpoint, or the field for which one was refused.",
	}, []string{"service", "result"})
	sheds := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_shed_total",
		Help: "Calls that were answered early, or refused, because there were too many.",
	}, []string{"operation"})
	m := &Metrics{
		clock: clock, operations: map[string]*operation{}, sheds: map[string]prometheus.Counter{},
	}
	reg.MustRegister(decisions, outcomes, sheds)
	m.decisions.child = func(v verdict) prometheus.Counter {
		return decisions.WithLabelValues(v.service, v.source.String(), string(v.reason))
	}
	m.outcomes.child = func(o outcome) prometheus.Counter {
		return outcomes.WithLabelValues(o.service, o.result)
	}
	calls := newCalls(reg)
	for _, method := range fairwayv1.Router_ServiceDesc.Methods {
		m.operations[fullMethod(method.MethodName)] = calls.unary(method.MethodName)
		m.sheds[method.MethodName] = sheds.WithLabelValues(method.MethodName)
	}
	for _, stream := range fairwayv1.Router_ServiceDesc.Streams {
		m.operations[fullMethod(stream.StreamName)] = calls.stream(&stream)
		m.sheds[stream.StreamName] = sheds.WithLabelValues(stream.StreamName)
	}
	m.other = calls.operation("other")
	return m
}

func fullMethod(name string) string {
	return "/" + fairwayv1.Router_ServiceDesc.ServiceName + "/" + name
}

// shed counts a call of an operation of the API, such as "Decide", that was
// answered early or refused because there were too many.
func (m *Metrics) shed(operation string) { m.sheds[operation].Inc() }

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
