package loop

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// Metrics are those of a loop. They may be used from anywhere at any time.
type Metrics struct {
	*router.Metrics
	windows, pollErrors, refused prometheus.Counter
	rebuild                      prometheus.Histogram
	served                       *prometheus.GaugeVec
	share                        prometheus.Gauge
	unjoined                     *prometheus.GaugeVec
	rollbacks, reloads, findings *prometheus.CounterVec
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
	s.share = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "fairway_trial_share",
		Help: "The part of the requests that tries a change of model or rules; 0 while none is on trial.",
	})
	s.rollbacks = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_rollbacks_total",
		Help: "Changes of model or rules that were taken back because of what they did to the requests.",
	}, []string{"subject"})
	s.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_reloads_total",
		Help: "What became of changes of model or rules.",
	}, []string{"subject", "result"})
	s.findings = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_rules_findings_total",
		Help: "What was found in rules that are read: warnings, such as a route that is never reached, and notes of what is left to the proxies.",
	}, []string{"level"})
	s.unjoined = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairway_discovery_unjoined",
		Help: "Services, and endpoints of services that both know, which only metrics or only discovery name.",
	}, []string{"side", "what"})
	for _, side := range []router.Side{router.InMetrics, router.InDiscovery} {
		for _, what := range []string{"service", "endpoint"} {
			s.unjoined.WithLabelValues(string(side), what)
		}
	}
	for _, level := range []string{manifest.Warning, manifest.Note} {
		s.findings.WithLabelValues(level)
	}
	for _, subject := range []string{model.SubjectModel, model.SubjectRules} {
		s.rollbacks.WithLabelValues(subject)
		for _, result := range []string{model.Adopted, model.Refused, model.RolledBack} {
			s.reloads.WithLabelValues(subject, result)
		}
	}
	reg.MustRegister(s.share, s.rollbacks, s.reloads, s.findings, s.unjoined)
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
