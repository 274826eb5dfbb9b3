// Package generated makes the metrics of a mesh that never ran: as many
// endpoints for as long as a measurement of fairway's reading needs. They are
// drawn from a seed, look like those of `fairway lab record`, and are for
// measuring speed and memory only; nothing can be learned from them.
package generated

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// Mesh is what is generated: the built-in schema lab reads it. The same Mesh
// gives the same samples, whatever form they are written in.
type Mesh struct {
	Endpoints int
	Start     time.Time
	Span      time.Duration
	Scrape    time.Duration
	Seed      uint64
}

// perService is how many endpoints a service has.
const perService = 10

// bounds are the upper bounds of the latency buckets, in seconds; +Inf follows.
var bounds = []string{"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10"}

// boundValues are the bounds as numbers, and what stands for the last bucket.
var boundValues = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, math.Inf(1)}

// codes are the classes by which HAProxy counts responses.
var codes = []string{"1xx", "2xx", "3xx", "4xx", "5xx", "other"}

// scrapes is the number of samples of each series.
func (m Mesh) scrapes() int { return int(m.Span/m.Scrape) + 1 }

// Samples is how many samples the mesh has.
func (m Mesh) Samples() int { return m.scrapes() * m.Endpoints * len(seriesOf(0)) }

// seriesOf lists the series of an endpoint, in the order of endpoint.scrape.
func seriesOf(number int) []labels.Labels {
	service := fmt.Sprintf("service-%03d", number/perService)
	name := fmt.Sprintf("%s-%d", service, number%perService)
	own := func(metric string, more ...string) labels.Labels {
		return labels.FromStrings(append(more, model.MetricNameLabel, metric,
			"job", "endpoints", "instance", fmt.Sprintf("10.1.%d.%d:8080", number/250, number%250),
			"service", service, "endpoint", name, "subset", "v"+fmt.Sprint(1+number%2), "zone", "z"+fmt.Sprint(1+number%3))...)
	}
	proxy := func(metric string, more ...string) labels.Labels {
		return labels.FromStrings(append(more, model.MetricNameLabel, metric,
			"job", "haproxy", "instance", "10.0.0.1:8404", "proxy", service, "server", name)...)
	}
	var all []labels.Labels
	for _, code := range codes {
		all = append(all, proxy("haproxy_server_http_responses_total", "code", code))
	}
	all = append(all, proxy("haproxy_server_connection_errors_total"), proxy("haproxy_server_response_errors_total"))
	for _, bound := range append(bounds, "+Inf") {
		all = append(all, own("http_server_request_duration_seconds_bucket", "le", bound))
	}
	return append(all,
		own("http_server_request_duration_seconds_sum"),
		own("http_server_request_duration_seconds_count"),
		own("http_server_in_flight_requests"),
		own("http_server_workers"),
		own("http_server_workers_busy_seconds_total"),
		own("process_cpu_seconds_total"),
		own("process_resident_memory_bytes"),
		own("up"))
}

// endpoint is one endpoint's counters so far.
type endpoint struct {
	random  *rand.Rand
	load    float64 // requests per second
	latency float64 // mean, seconds
	codes   [6]float64
	refused float64
	broken  float64
	buckets [12]float64
	sum     float64
	count   float64
	busy    float64
	cpu     float64
	memory  float64
}

func newEndpoint(seed uint64, number int) *endpoint {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	return &endpoint{random: random, load: 5 + 45*random.Float64(), latency: 0.01 + 0.2*random.Float64(), memory: 5e7}
}

// scrape lets the time pass and appends a value for each series.
func (e *endpoint) scrape(values []float64, passed time.Duration) []float64 {
	seconds := passed.Seconds()
	e.load = max(0.5, e.load*math.Exp(0.05*e.random.NormFloat64()))
	e.load += (25 - e.load) * 0.01
	e.latency = min(2, max(0.002, e.latency*math.Exp(0.05*e.random.NormFloat64())))
	n := math.Round(e.load * seconds * (0.9 + 0.2*e.random.Float64()))
	failed := 0.0
	if e.random.IntN(20) == 0 {
		failed = math.Round(n * 0.05 * e.random.Float64())
	}
	missing := math.Round(n * 0.02)
	e.codes[1] += n - failed - missing
	e.codes[3] += missing
	e.codes[4] += failed
	if e.random.IntN(200) == 0 {
		e.refused++
	}
	if e.random.IntN(300) == 0 {
		e.broken++
	}
	for i, bound := range boundValues {
		e.buckets[i] += math.Round(n * (1 - math.Exp(-bound/e.latency)))
	}
	e.count += n
	e.sum += n * e.latency
	e.busy += min(8*seconds, n*e.latency)
	e.cpu += n * 0.002
	e.memory = max(3e7, e.memory+1e5*e.random.NormFloat64())
	values = append(values, e.codes[:]...)
	values = append(values, e.refused, e.broken)
	values = append(values, e.buckets[:]...)
	return append(values, e.sum, e.count, math.Round(e.load*e.latency), 8, e.busy, e.cpu, math.Round(e.memory/4096)*4096, 1)
}
