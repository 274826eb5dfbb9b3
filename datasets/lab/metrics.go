package lab

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// endpointMetrics is what an endpoint tells Prometheus. Who it is (service,
// endpoint, subset, zone) is added by the scrape configuration, as in a mesh.
type endpointMetrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration prometheus.Histogram
	inFlight prometheus.Gauge
}

// durationBuckets run from 5 ms to 5 s.
var durationBuckets = []float64{.005, .01, .025, .05, .075, .1, .15, .25, .4, .65, 1, 1.5, 2.5, 5}

func newEndpointMetrics(p *pool) *endpointMetrics {
	m := &endpointMetrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_server_requests_total", Help: "Requests answered, by class and status code."},
			[]string{"class", "code"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "http_server_request_duration_seconds", Help: "Time from arrival to answer, with the time in the queue.",
			Buckets: durationBuckets}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "http_server_in_flight_requests", Help: "Requests being served or waiting."}),
	}
	state := func(name, help string, read func(workers, busy, waiting int) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			workers, busy, waiting, _ := p.look(time.Now())
			return float64(read(workers, busy, waiting))
		})
	}
	m.registry.MustRegister(m.requests, m.duration, m.inFlight,
		state("http_server_workers", "Workers of the pool.", func(w, _, _ int) int { return w }),
		state("http_server_workers_busy", "Workers that serve a request or are stuck.", func(_, b, _ int) int { return b }),
		state("http_server_queue_length", "Requests that wait for a worker.", func(_, _, q int) int { return q }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "http_server_workers_busy_seconds_total", Help: "Seconds that workers have been busy, summed over the workers."},
			func() float64 { _, _, _, s := p.look(time.Now()); return s }),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector())
	return m
}
