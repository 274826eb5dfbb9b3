package api

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// tableMetrics reads the table when it is scraped.
type tableMetrics struct {
	table                            *router.Table
	version, rules, age, decided     *prometheus.Desc
	weight, failure, drained, health *prometheus.Desc
	rate, errors, mean, tail         *prometheus.Desc
}

// TableMetrics collects what the table serves now.
//
// There is one series of each kind per endpoint of the newest decision, and none
// of an endpoint that has left. That of the health has its state as a label.
func TableMetrics(table *router.Table) prometheus.Collector {
	service, endpoint := []string{"service"}, []string{"service", "endpoint"}
	return &tableMetrics{
		table:   table,
		version: prometheus.NewDesc("fairway_table_version", "Version of the routing table.", nil, nil),
		rules:   prometheus.NewDesc("fairway_rules_info", "The rules in force; always 1.", []string{"version"}, nil),
		decided: prometheus.NewDesc("fairway_service_info", "Who sets the weights of a service, and why that is not the model; always 1.", []string{"service", "source", "reason", "policy", "model"}, nil),
		rate:    prometheus.NewDesc("fairway_service_request_rate", "Requests per second of a service, as its metrics said when they were last decided upon.", service, nil),
		errors:  prometheus.NewDesc("fairway_service_error_ratio", "Part of a service's requests that failed, as its metrics said when they were last decided upon.", service, nil),
		mean:    prometheus.NewDesc("fairway_service_latency_mean_seconds", "Mean latency of a service's requests, as its metrics said when they were last decided upon.", service, nil),
		tail:    prometheus.NewDesc("fairway_service_latency_p99_seconds", "The p99 latency of the service's endpoint where it is the highest, as the metrics said when they were last decided upon.", service, nil),
		age:     prometheus.NewDesc("fairway_metrics_age_seconds", "Age of the metrics when they were last decided upon.", service, nil),
		weight:  prometheus.NewDesc("fairway_endpoint_weight", "Part of a service's requests that an endpoint gets, before the rules split them.", endpoint, nil),
		failure: prometheus.NewDesc("fairway_failure_probability", "Forecast probability that an endpoint fails within the horizon of the model.", endpoint, nil),
		drained: prometheus.NewDesc("fairway_endpoint_drained", "Part of its weight that a forecast takes from an endpoint; 1 leaves the floor.", endpoint, nil),
		health:  prometheus.NewDesc("fairway_endpoint_health", "1 for the state that an endpoint is in: unknown, healthy, degraded, draining or unhealthy.", append(endpoint[:2:2], "state"), nil),
	}
}

func (m *tableMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.version, m.rules, m.age, m.decided, m.weight, m.failure, m.drained, m.health, m.rate, m.errors, m.mean, m.tail} {
		ch <- d
	}
}

func (m *tableMetrics) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(m.version, prometheus.GaugeValue, float64(m.table.Version()))
	if set := m.table.Rules(); set != nil {
		ch <- prometheus.MustNewConstMetric(m.rules, prometheus.GaugeValue, 1, set.Version())
	}
	for _, service := range m.table.Services() {
		routes := m.table.Load(service)
		d := routes.Decision
		if d == nil {
			continue
		}
		ch <- prometheus.MustNewConstMetric(m.decided, prometheus.GaugeValue, 1, service, d.Source.String(), string(d.Reason), d.Policy, d.Model)
		m.seen(ch, service, routes.Frame)
		if f := routes.Frame; f == nil || !f.End.IsZero() { // else there were no metrics, which is not the same as new ones
			ch <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, d.Age.Seconds(), service)
		}
		m.endpoints(ch, service, d)
		for _, e := range routes.Endpoints {
			if against, said := routes.Says(e.Name); said && position(d, e.Name) < 0 {
				ch <- prometheus.MustNewConstMetric(m.health, prometheus.GaugeValue, 1, service, e.Name, against.State.String())
			}
		}
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

// seen collects what the metrics said of a service, endpoints weighted by their
// requests. What they did not say is left out.
func (m *tableMetrics) seen(ch chan<- prometheus.Metric, service string, f *features.Frame) {
	if f == nil || f.Schema == nil {
		return
	}
	rate, tail := 0.0, math.NaN()
	for i := range f.Endpoints {
		if x := at(f, i, mesh.RequestRate); x > 0 {
			rate += x
			if p := at(f, i, mesh.LatencyP99); !(p <= tail) && !math.IsNaN(p) {
				tail = p
			}
		}
	}
	gauge := func(desc *prometheus.Desc, x float64) {
		if !math.IsNaN(x) {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, x, service)
		}
	}
	if f.Schema.Index(mesh.RequestRate) >= 0 {
		gauge(m.rate, rate)
	}
	gauge(m.errors, weighted(f, mesh.ErrorRatio))
	gauge(m.mean, weighted(f, mesh.LatencyMean))
	gauge(m.tail, tail)
}

// weighted is the mean of a series over the requests of the endpoints that have
// it; NaN where there are none.
func weighted(f *features.Frame, series string) float64 {
	sum, requests := 0.0, 0.0
	for i := range f.Endpoints {
		x, rate := at(f, i, series), at(f, i, mesh.RequestRate)
		if rate > 0 && !math.IsNaN(x) {
			sum, requests = sum+x*rate, requests+rate
		}
	}
	return sum / requests
}

// at is a value of an endpoint, NaN where the frame has none of it.
func at(f *features.Frame, i int, series string) float64 {
	if len(f.Values) < (i+1)*len(f.Schema.Series) {
		return math.NaN()
	}
	return f.At(i, series)
}
