package postgres

import "github.com/prometheus/client_golang/prometheus"

var (
	up          = prometheus.NewDesc("fairway_database_up", "1 while the database answers; with several, while all of them do.", nil, nil)
	storedTotal = prometheus.NewDesc("fairway_log_written_total", "Entries of the journal that were stored in the database.", nil, nil)
	rejected    = prometheus.NewDesc("fairway_log_refused_total", "Entries of the journal that the database will never take.", nil, nil)
	deleted     = prometheus.NewDesc("fairway_log_deleted_total", "Rows of the log that were deleted because of their age.", nil, nil)
	behindNow   = prometheus.NewDesc("fairway_log_behind_entries", "Entries that this run has written to the journal and not stored in the database yet.", nil, nil)
)

type metrics struct {
	log *Log
	all map[string]*Database
}

// Metrics collects how a log, which may be nil, and databases fare.
func Metrics(l *Log, all map[string]*Database) prometheus.Collector { return &metrics{l, all} }

func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- up
	if m.log != nil {
		for _, d := range []*prometheus.Desc{storedTotal, rejected, deleted, behindNow} {
			ch <- d
		}
	}
}

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	answers := 1.0
	for _, d := range m.all {
		if d.Health() != nil {
			answers = 0
		}
	}
	ch <- prometheus.MustNewConstMetric(up, prometheus.GaugeValue, answers)
	if m.log == nil {
		return
	}
	s := m.log.Stats()
	counter := func(d *prometheus.Desc, n uint64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
	counter(storedTotal, s.Stored)
	counter(rejected, s.Refused)
	counter(deleted, s.Deleted)
	ch <- prometheus.MustNewConstMetric(behindNow, prometheus.GaugeValue, float64(s.Behind))
}
