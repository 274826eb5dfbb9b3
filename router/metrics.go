package router

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what the slow loop decides. It is safe for concurrent use.
type Metrics struct {
	decisions *prometheus.CounterVec
	ejected   *prometheus.GaugeVec
	drained   *prometheus.GaugeVec
}

// NewMetrics registers the metrics of policies; it panics if they are
// registered already, as prometheus.MustRegister does.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fairway_window_decisions_total",
			Help: "Decisions on windows, by who set the weights and why the policy asked first declined.",
		}, []string{"source", "reason"}),
		ejected: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fairway_ejected_endpoints",
			Help: "Endpoints that get no traffic, by service.",
		}, []string{"service"}),
	}
	m.drained = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairway_drained_endpoints",
		Help: "Endpoints from which a forecast takes weight, by service.",
	}, []string{"service"})
	reg.MustRegister(m.decisions, m.ejected, m.drained)
	return m
}

// Forget drops what is told of a service that is not decided upon any more.
func (m *Metrics) Forget(service string) {
	m.ejected.DeleteLabelValues(service)
	m.drained.DeleteLabelValues(service)
}

// Count takes in one decision.
func (m *Metrics) Count(d *Decision) {
	m.decisions.WithLabelValues(d.Source.String(), string(d.Reason)).Inc()
	ejected := 0
	for _, e := range d.Ejected {
		if e {
			ejected++
		}
	}
	m.ejected.WithLabelValues(d.Service).Set(float64(ejected))
	drained := 0
	for _, taken := range d.Drains {
		if taken.Part > 0 {
			drained++
		}
	}
	m.drained.WithLabelValues(d.Service).Set(float64(drained))
}
