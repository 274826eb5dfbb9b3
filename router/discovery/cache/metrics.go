package cache

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of a cache.
type metrics struct {
	hits, misses, errors, skipped, writes, dropped, refreshes *prometheus.CounterVec
	age                                                       *prometheus.Desc
	cache                                                     *Cache
}

func newMetrics(c *Cache) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fairway_cache_" + name + "_total", Help: help}, labels)
	}
	m := &metrics{
		cache:     c,
		hits:      counter("hits", "Entries found, by layer.", "layer"),
		misses:    counter("misses", "Entries not found, by layer.", "layer"),
		errors:    counter("errors", "Readings and writings that failed or took too long, by layer.", "layer"),
		skipped:   counter("skipped", "Readings that were not tried, for the layer has failed of late.", "layer"),
		writes:    counter("writes", "Entries written, by layer.", "layer"),
		dropped:   counter("dropped", "Entries not used, each counted once while it lies there, by layer and reason: corrupt, foreign, signature, future, old; and not kept: full.", "layer", "reason"),
		refreshes: counter("refreshes", "Entries loaded from their source, by result: ok, failed, nothing.", "result"),
		age:       prometheus.NewDesc("fairway_cache_age_seconds", "Age of the entries in memory that are refreshed, by key.", []string{"key"}, nil),
	}
	if c.cfg.Registerer != nil {
		c.cfg.Registerer.MustRegister(m.hits, m.misses, m.errors, m.skipped, m.writes, m.dropped, m.refreshes, m)
	}
	for _, l := range c.layers { // from the beginning
		m.errors.WithLabelValues(l.Name())
	}
	return m
}

// Describe and Collect are of the ages.
func (m *metrics) Describe(to chan<- *prometheus.Desc) { to <- m.age }

func (m *metrics) Collect(to chan<- prometheus.Metric) {
	c := m.cache
	c.mu.Lock()
	keys := make([]string, 0, len(c.kept))
	for key := range c.kept {
		keys = append(keys, key)
	}
	c.mu.Unlock()
	for _, key := range keys {
		if e, ok := c.memory.get(key); ok {
			to <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, c.cfg.Clock().Sub(e.Time).Seconds(), key)
		}
	}
}
