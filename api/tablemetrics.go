package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/router"
)

// tableMetrics reads the table when it is scraped.
type tableMetrics struct {
	table                                          *router.Table
	version, age, weight, failure, drained, health *prometheus.Desc
}

// TableMetrics collects what the table serves now.
//
// There is one series of each kind per endpoint of the newest decision, and none
// of an endpoint that has left. That of the health has its state as a label.
func TableMetrics(table *router.Table) prometheus.Collector {
	endpoint := []string{"service", "endpoint"}
	return &tableMetrics{
		table:   table,
		version: prometheus.NewDesc("fairway_table_version", "Version of the routing table.", nil, nil),
		age:     prometheus.NewDesc("fairway_metrics_age_seconds", "Age of the metrics when they were last decided upon.", []string{"service"}, nil),
		weight:  prometheus.NewDesc("fairway_endpoint_weight", "Part of a service's requests that an endpoint gets, before the rules split them.", endpoint, nil),
		failure: prometheus.NewDesc("fairway_failure_probability", "Forecast probability that an endpoint fails within the horizon of the model.", endpoint, nil),
		drained: prometheus.NewDesc("fairway_endpoint_drained", "Part of its weight that a forecast takes from an endpoint; 1 leaves the floor.", endpoint, nil),
		health:  prometheus.NewDesc("fairway_endpoint_health", "1 for the state that an endpoint is in: unknown, healthy, degraded, draining or unhealthy.", append(endpoint[:2:2], "state"), nil),
	}
}

func (m *tableMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.version, m.age, m.weight, m.failure, m.drained, m.health} {
		ch <- d
	}
}

func (m *tableMetrics) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(m.version, prometheus.GaugeValue, float64(m.table.Version()))
	for _, service := range m.table.Services() {
		d := m.table.Load(service).Decision
		if d == nil {
			continue
		}
		ch <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, d.Age.Seconds(), service)
		m.endpoints(ch, service, d)
	}
}

// endpoints collects what the decision says of each endpoint.
func (m *tableMetrics) endpoints(ch chan<- prometheus.Metric, service string, d *router.Decision) {
	for i := range d.Endpoints {
		name := d.Endpoints[i].Name
		gauge := func(desc *prometheus.Desc, x float64, more ...string) {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, x, append([]string{service, name}, more...)...)
		}
		if i < len(d.Weights) {
			gauge(m.weight, d.Weights[i])
		}
		if i < len(d.Failures) {
			gauge(m.failure, d.Failures[i].Probability)
		}
		if i < len(d.Drains) {
			gauge(m.drained, d.Drains[i].Part)
		}
		if i < len(d.Health) {
			gauge(m.health, 1, d.Health[i].State.String())
		}
	}
}
