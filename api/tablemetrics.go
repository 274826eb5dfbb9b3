package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/router"
)

// tableMetrics reads the table when it is scraped.
type tableMetrics struct {
	table                *router.Table
	version, age, weight *prometheus.Desc
}

// TableMetrics collects what the table serves now.
func TableMetrics(table *router.Table) prometheus.Collector {
	return &tableMetrics{
		table:   table,
		version: prometheus.NewDesc("fairway_table_version", "Version of the routing table.", nil, nil),
		age:     prometheus.NewDesc("fairway_metrics_age_seconds", "Age of the metrics when they were last decided upon.", []string{"service"}, nil),
		weight:  prometheus.NewDesc("fairway_endpoint_weight", "Part of a service's requests that an endpoint gets, before the rules split them.", []string{"service", "endpoint"}, nil),
	}
}

func (m *tableMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.version
	ch <- m.age
	ch <- m.weight
}

func (m *tableMetrics) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(m.version, prometheus.GaugeValue, float64(m.table.Version()))
	for _, service := range m.table.Services() {
		d := m.table.Load(service).Decision
		if d == nil {
			continue
		}
		ch <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, d.Age.Seconds(), service)
		for i, w := range d.Weights {
			ch <- prometheus.MustNewConstMetric(m.weight, prometheus.GaugeValue, w, service, d.Endpoints[i].Name)
		}
	}
}
