package haproxy

import "github.com/prometheus/client_golang/prometheus"

// spoeMetrics are those of an SPOE beside what all adapters count.
type spoeMetrics struct{ ends *prometheus.CounterVec }

func newSPOEMetrics(s *SPOE, reg prometheus.Registerer) spoeMetrics {
	m := spoeMetrics{ends: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_haproxy_ends_total",
		Help: "Ends of requests that HAProxy told: ok, failed (a status of 500 or above, or none), unknown (not decided here, or too long ago).",
	}, []string{"result"})}
	if reg == nil {
		return m
	}
	reg.MustRegister(m.ends,
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "fairway_haproxy_lost_total", Help: "Requests that were decided and followed, and whose end nobody told in time.",
		}, func() float64 { return float64(s.flights.lost.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "fairway_haproxy_connections", Help: "Connections of HAProxy's SPOE that are open.",
		}, func() float64 { return float64(s.open.Load()) }),
		inFlight{s.flights},
	)
	return m
}

func (m *spoeMetrics) end(status int64) {
	result := "ok"
	if status < 100 || status >= 500 {
		result = "failed"
	}
	m.ends.WithLabelValues(result).Inc()
}

// inFlight shows the counts that choices are made by.
type inFlight struct{ *flights }

var inFlightDesc = prometheus.NewDesc("fairway_haproxy_in_flight",
	"Requests of all HAProxy processes together that were sent to an endpoint and whose end was not told yet.",
	[]string{"service", "endpoint"}, nil)

func (inFlight) Describe(to chan<- *prometheus.Desc) { to <- inFlightDesc }

func (f inFlight) Collect(to chan<- prometheus.Metric) {
	f.fleets.Range(func(service, of any) bool {
		for name, e := range of.(*fleet).endpoints {
			to <- prometheus.MustNewConstMetric(inFlightDesc, prometheus.GaugeValue, float64(e.inFlight.Load()), service.(string), name)
		}
		return true
	})
}
