// Package proxy is what the adapters below it share: one for each technology, which
// do not know each other. An adapter translates what a routing table says into what
// its proxy understands, and leaves the proxy to its own balancing where it has
// nothing to say: it fails open, and counts that.
package proxy

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what adapters tell their proxies. They are safe for concurrent use.
type Metrics struct {
	answers  *prometheus.CounterVec
	failOpen *prometheus.CounterVec
}

// NewMetrics registers the metrics; reg nil keeps them to themselves. A second call
// with one reg counts with the first.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fairway_proxy_answers_total", Help: "What adapters told their proxies, by adapter.",
		}, []string{"adapter"}),
		failOpen: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fairway_proxy_fail_open_total", Help: "Answers that left a proxy to its own balancing, by adapter and reason.",
		}, []string{"adapter", "reason"}),
	}
	if reg != nil {
		m.answers, m.failOpen = registered(reg, m.answers), registered(reg, m.failOpen)
	}
	return m
}

// registered is the counter itself, or the same one that was there before.
func registered(reg prometheus.Registerer, c *prometheus.CounterVec) *prometheus.CounterVec {
	err := reg.Register(c)
	if before := (prometheus.AlreadyRegisteredError{}); errors.As(err, &before) {
		return before.ExistingCollector.(*prometheus.CounterVec)
	}
	if err != nil {
		panic(err) // another metric of that name: a fault of the program
	}
	return c
}

// Adapter counts for one adapter.
type Adapter struct {
	answers  prometheus.Counter
	failOpen *prometheus.CounterVec
}

// Adapter returns the counters of the adapter of that name. A nil Metrics counts
// where nobody looks.
func (m *Metrics) Adapter(name string) *Adapter {
	if m == nil {
		m = NewMetrics(nil)
	}
	return &Adapter{m.answers.WithLabelValues(name), m.failOpen.MustCurryWith(prometheus.Labels{"adapter": name})}
}

// Answered counts an answer by what the table says.
func (a *Adapter) Answered() { a.answers.Inc() }

// FailedOpen counts an answer that leaves the proxy to its own balancing. The reasons
// are of a closed set, an adapter's own: unknown_service, unknown_endpoint,
// no_endpoints, refused, malformed.
func (a *Adapter) FailedOpen(reason string) { a.failOpen.WithLabelValues(reason).Inc() }
