package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router"
)

// metrics are those of the slow loop.
type metrics struct {
	*router.Metrics
	windows, pollErrors, refused prometheus.Counter
	rebuild                      prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, m *model.Model) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	s := &metrics{
		Metrics:    router.NewMetrics(reg),
		windows:    counter("fairway_windows_total", "Windows of metrics that were decided upon."),
		pollErrors: counter("fairway_poll_errors_total", "Times that the source of metrics gave an error instead of windows."),
		refused:    counter("fairway_window_errors_total", "Windows, or frames made of them, that could not be decided upon."),
		rebuild: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "fairway_table_rebuild_seconds",
			Help:    "Time that one window took, from the features to the published table.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 2, 14), // 50 µs to 0.4 s
		}),
	}
	reg.MustRegister(s.windows, s.pollErrors, s.refused, s.rebuild,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if m != nil {
		served := prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fairway_model_info",
			Help: "The model that is served; always 1.",
		}, []string{"name", "version", "created"})
		reg.MustRegister(served)
		served.WithLabelValues(m.Name, versionOf(m), m.Created.UTC().Format("2006-01-02T15:04:05Z")).Set(1)
	}
	return s
}
