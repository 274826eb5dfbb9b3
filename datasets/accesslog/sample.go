package accesslog

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// buckets are the upper bounds, in seconds, of the histogram of durations; most
// proxies log milliseconds.
var buckets = []float64{0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75,
	1, 1.5, 2, 3, 5, 7.5, 10, 15, 30, 60}

// codes are the classes by which requests are counted; none is no answer.
var codes = []string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

const (
	// mostSamples bounds what an import writes, of seriesOfOne an endpoint, and
	// mostEndpoints what it holds.
	mostSamples   = 200_000_000
	mostEndpoints = 10_000
)

var seriesOfOne = len(codes) + len(buckets) + 4

// sampler writes what a scrape of each endpoint would have seen. Requests come
// in the order of their arrival; it holds those in flight.
type sampler struct {
	every                         time.Duration
	requests, durations, inFlight *bufio.Writer // a family of metrics each
	at                            time.Time     // of the next samples
	first, arrived                time.Time
	endpoints                     map[[2]string]*counts
	order                         []*counts
	flying                        heap[flight]
	samples                       int
}

// counts is one endpoint's, so far.
type counts struct {
	names    []string // of the series, as they are written
	codes    []int
	buckets  []int // each by itself; the last is above all bounds
	sum      time.Duration
	inFlight int
}

type flight struct {
	end     time.Time
	latency time.Duration
	status  int
	failed  bool
	of      *counts
}

func newSampler(every time.Duration, requests, durations, inFlight *bufio.Writer) *sampler {
	s := &sampler{every: every, requests: requests, durations: durations, inFlight: inFlight, endpoints: map[[2]string]*counts{}}
	s.flying.less = func(a, b *flight) bool { return a.end.Before(b.end) }
	requests.WriteString("# TYPE accesslog_requests counter\n# HELP accesslog_requests Requests of the log that ended, by the class of their status.\n")
	durations.WriteString("# TYPE accesslog_request_duration_seconds histogram\n# HELP accesslog_request_duration_seconds Durations of the requests of the log that did not fail.\n")
	inFlight.WriteString("# TYPE accesslog_in_flight_requests gauge\n# HELP accesslog_in_flight_requests Requests of the log that had arrived and not ended.\n")
	return s
}

// add takes the next request.
func (s *sampler) add(r *datasets.Request) error {
	if s.at.IsZero() {
		s.at = r.Time.Truncate(s.every)
		s.first = s.at
	}
	s.arrived = r.Time
	if n := int(r.Time.Sub(s.at)/s.every) * len(s.order) * seriesOfOne; s.samples+n > mostSamples {
		return fmt.Errorf("from %s to %s, every %v, of %d endpoints, are more than %d samples: is the time of one line wrong? Else take a longer time between samples",
			s.first.Format(time.RFC3339), r.Time.Format(time.RFC3339), s.every, len(s.order), mostSamples)
	}
	for r.Time.After(s.at) {
		s.sample()
	}
	key := [2]string{r.Service, r.Endpoint}
	c := s.endpoints[key]
	if c == nil {
		if len(s.order) == mostEndpoints {
			return fmt.Errorf("there are more than %d endpoints, the next is %s of %s: does the log name the client, or a port of its own?", mostEndpoints, shown(r.Endpoint), shown(r.Service))
		}
		c = newCounts(r.Service, r.Endpoint)
		s.endpoints[key], s.order = c, append(s.order, c)
		s.write(c, s.at.Add(-s.every)) // a rate begins with the first request only where there was a 0 before it
	}
	c.inFlight++
	s.flying.push(flight{r.Time.Add(r.Latency), r.Latency, r.Status, r.Failed(), c})
	return nil
}

// end writes the last samples: those at, or just after, the last arrival.
// Nobody knows what else arrived later and had not ended.
func (s *sampler) end() {
	for !s.at.After(s.arrived) || !s.at.After(s.first) {
		s.sample()
	}
	s.sample()
}

// span is from the first samples to the last.
func (s *sampler) span() (start, end time.Time) { return s.first, s.at.Add(-s.every) }

func (s *sampler) sample() {
	for len(s.flying.items) > 0 && !s.flying.items[0].end.After(s.at) {
		f := s.flying.pop()
		f.of.count(&f)
	}
	for _, c := range s.order {
		s.write(c, s.at)
	}
	s.at = s.at.Add(s.every)
}

func (c *counts) count(f *flight) {
	c.inFlight--
	class := f.status / 100
	if class >= len(codes) {
		class = len(codes) - 1
	}
	c.codes[class]++
	if f.failed {
		return
	}
	i := 0
	for i < len(buckets) && f.latency.Seconds() > buckets[i] {
		i++
	}
	c.buckets[i]++
	c.sum += f.latency
}

func newCounts(service, endpoint string) *counts {
	c := &counts{codes: make([]int, len(codes)), buckets: make([]int, len(buckets)+1)}
	labels := fmt.Sprintf(`service="%s",endpoint="%s"`, labelText(service), labelText(endpoint))
	for _, code := range codes {
		c.names = append(c.names, fmt.Sprintf(`accesslog_requests_total{%s,code="%s"} `, labels, code))
	}
	for _, bound := range buckets {
		c.names = append(c.names, fmt.Sprintf(`accesslog_request_duration_seconds_bucket{%s,le="%v"} `, labels, bound))
	}
	c.names = append(c.names, fmt.Sprintf(`accesslog_request_duration_seconds_bucket{%s,le="+Inf"} `, labels),
		fmt.Sprintf("accesslog_request_duration_seconds_sum{%s} ", labels),
		fmt.Sprintf("accesslog_request_duration_seconds_count{%s} ", labels),
		fmt.Sprintf("accesslog_in_flight_requests{%s} ", labels))
	return c
}

// write writes one endpoint's samples.
func (s *sampler) write(c *counts, at time.Time) {
	when := " " + strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', -1, 64) + "\n"
	names := c.names
	next := func(w *bufio.Writer, value string) {
		w.WriteString(names[0])
		w.WriteString(value)
		w.WriteString(when)
		names = names[1:]
		s.samples++
	}
	for _, n := range c.codes {
		next(s.requests, strconv.Itoa(n))
	}
	total := 0
	for _, n := range c.buckets {
		total += n
		next(s.durations, strconv.Itoa(total))
	}
	next(s.durations, strconv.FormatFloat(c.sum.Seconds(), 'g', -1, 64))
	next(s.durations, strconv.Itoa(total))
	next(s.inFlight, strconv.Itoa(c.inFlight))
}

func labelText(value string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(value)
}
