package discovery

import (
	"github.com/prometheus/client_golang/prometheus"
)

var (
	bySource  = []string{"source"}
	services  = prometheus.NewDesc("fairway_discovery_services", "Services that a source has found.", bySource, nil)
	stale     = prometheus.NewDesc("fairway_discovery_stale_services", "Services that are served as a source told them before it stopped answering.", bySource, nil)
	endpoints = prometheus.NewDesc("fairway_discovery_endpoints", "Endpoints that a source has found, by what it says of them: ready, not_ready or draining.", []string{"source", "state"}, nil)
	up        = prometheus.NewDesc("fairway_discovery_source_up", "1 while a source answers and has told everything; 0 before and otherwise.", bySource, nil)
	synced    = prometheus.NewDesc("fairway_discovery_synced_timestamp_seconds", "When a source had last told everything; 0 where it never has.", bySource, nil)
	restarts  = prometheus.NewDesc("fairway_discovery_restarts_total", "Times that a source had ended and was started again.", bySource, nil)
	version   = prometheus.NewDesc("fairway_discovery_snapshot_version", "Number of the snapshot of what all sources found.", nil, nil)
)

// metrics are those that count; a collector reads the others when it is asked.
type metrics struct{ changes *prometheus.CounterVec }

func newMetrics() *metrics {
	return &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_discovery_changes_total",
		Help: "Services that changed in a snapshot: added, updated or deleted.",
	}, []string{"kind"})}
}

func (m *metrics) count(changes []Change) {
	for _, c := range changes {
		kind := "updated"
		switch {
		case c.Old == nil:
			kind = "added"
		case c.New == nil:
			kind = "deleted"
		}
		m.changes.WithLabelValues(kind).Inc()
	}
}

type collector struct{ d *Directory }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{services, stale, endpoints, up, synced, restarts, version} {
		ch <- desc
	}
	c.d.metrics.changes.Describe(ch)
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, x float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, x, labels...)
	}
	for _, s := range c.d.Sources() {
		gauge(services, float64(s.Services), s.Name)
		gauge(stale, float64(s.Stale), s.Name)
		for state, n := range s.Endpoints {
			gauge(endpoints, float64(n), s.Name, State(state).String())
		}
		answers, at := 0.0, 0.0
		if s.Up {
			answers = 1
		}
		if !s.Synced.IsZero() {
			at = float64(s.Synced.UnixMilli()) / 1e3
		}
		gauge(up, answers, s.Name)
		gauge(synced, at, s.Name)
		ch <- prometheus.MustNewConstMetric(restarts, prometheus.CounterValue, float64(s.Restarts), s.Name)
	}
	gauge(version, float64(c.d.Snapshot().Version()))
	c.d.metrics.changes.Collect(ch)
}
