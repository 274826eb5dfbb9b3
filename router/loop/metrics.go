package loop

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router"
)

// Metrics are those of a loop. They may be used from anywhere at any time.
type Metrics struct {
	*router.Metrics
	windows, pollErrors, refused prometheus.Counter
	rebuild                      prometheus.Histogram
	served                       *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	s := &Metrics{
		Metrics:    router.NewMetrics(reg),
		windows:    counter("fairway_windows_total", "Windows of metrics that were decided upon."),
		pollErrors: counter("fairway_poll_errors_total", "Times that the source of metrics gave an error instead of windows."),
		refused:    counter("fairway_window_errors_total", "Windows, or frames made of them, that could not be decided upon."),
		rebuild: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "fairway_table_rebuild_seconds",
			Help:    "Time that the windows of one poll took, from the features to the published table.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 2, 14), // 50 µs to 0.4 s
			// Native buckets, to scrapers that ask for them: a time within 5 %.
			NativeHistogramBucketFactor: 1.1,
		}),
	}
	s.served = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairway_model_info",
		Help: "The model that is served; always 1.",
	}, []string{"name", "version", "created"})
	reg.MustRegister(s.windows, s.pollErrors, s.refused, s.rebuild, s.served)
	return s
}

// serves says which model is in force; m may be nil.
func (s *Metrics) serves(m *model.Model) {
	s.served.Reset()
	if m != nil {
		s.served.WithLabelValues(m.Name, strconv.FormatUint(uint64(m.Version), 10), m.Created.UTC().Format("2006-01-02T15:04:05Z")).Set(1)
	}
}
