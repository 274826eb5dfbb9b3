package threat

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of a Judge. No name is in a label.
type metrics struct {
	changes  map[change]prometheus.Counter
	failures map[string]prometheus.Counter
	at       [len(levels)]atomic.Int64
}

type change struct {
	to     Level
	signal string
}

func newMetrics(reg prometheus.Registerer, j *Judge) *metrics {
	m := &metrics{changes: map[change]prometheus.Counter{}, failures: map[string]prometheus.Counter{}}
	changes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_threat_changes_total",
		Help: "Changes of the threat level of a caller, by the level it became and the signal that it is due to.",
	}, []string{"to", "signal"})
	for l := Low; l <= High; l++ {
		for _, signal := range signals {
			m.changes[change{l, signal}] = changes.WithLabelValues(l.String(), signal)
		}
	}
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_threat_failures_total",
		Help: "How often callers could not be judged, by cause.",
	}, []string{"cause"})
	for _, cause := range []string{"panic", "clock", "full"} {
		m.failures[cause] = failures.WithLabelValues(cause)
	}
	reg.MustRegister(changes, failures)
	for l := Low; l <= High; l++ {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "fairway_threat_callers", ConstLabels: prometheus.Labels{"level": l.String()},
			Help: "Identities that are remembered, and all strangers as one, by threat level.",
		}, func() float64 { return float64(j.metrics.at[l].Load()) }))
	}
	return m
}
