package journal

import "github.com/prometheus/client_golang/prometheus"

var (
	appendedTotal = prometheus.NewDesc("fairway_journal_appended_total", "Entries that were to be kept.", nil, nil)
	writtenTotal  = prometheus.NewDesc("fairway_journal_written_total", "Entries that were written to disk.", nil, nil)
	droppedTotal  = prometheus.NewDesc("fairway_journal_dropped_total", "Entries that were lost, by why.", []string{"reason"}, nil)
	spoolBytes    = prometheus.NewDesc("fairway_journal_spool_bytes", "What the segments take on disk.", nil, nil)
	failing       = prometheus.NewDesc("fairway_journal_failing", "1 while nothing can be written to disk.", nil, nil)
)

type metrics struct{ j *Journal }

// Metrics collects how a journal fares; of none, zeros.
func Metrics(j *Journal) prometheus.Collector { return metrics{j} }

func (m metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{appendedTotal, writtenTotal, droppedTotal, spoolBytes, failing} {
		ch <- d
	}
}

func (m metrics) Collect(ch chan<- prometheus.Metric) {
	s := m.j.Stats()
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	counter(appendedTotal, s.Appended)
	counter(writtenTotal, s.Written)
	counter(droppedTotal, s.Dropped.Queue, "queue")
	counter(droppedTotal, s.Dropped.Disk, "disk")
	counter(droppedTotal, s.Dropped.Size, "size")
	counter(droppedTotal, s.Dropped.Closed, "closed")
	counter(droppedTotal, s.Dropped.Oldest, "oldest")
	ch <- prometheus.MustNewConstMetric(spoolBytes, prometheus.GaugeValue, float64(s.Bytes))
	fails := 0.0
	if s.Err != nil {
		fails = 1
	}
	ch <- prometheus.MustNewConstMetric(failing, prometheus.GaugeValue, fails)
}
