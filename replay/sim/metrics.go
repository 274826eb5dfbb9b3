package sim

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// metrics is what a Prometheus would know of the simulated mesh: the last
// scrapes of every endpoint, and the windows that the queries of the lab schema
// make of them. The numbers are those that PromQL finds in a recording of the
// same scrapes. Its memory does not grow. It is not safe for concurrent use.
type metrics struct {
	timing mesh.Timing
	// lookback is how long a value counts, as package prom has it for
	// recordings: two and a half scrape intervals, in ms.
	lookback int64
	rings    []scrapes // by endpoint
	order    []int     // endpoints in the order of their names, as windows have them
	all      []mesh.Endpoint
	last     []int64 // by endpoint: the end of the newest window in which it had a value (ms); < 0: it is in none
	place    columns

	window   mesh.Window // lent out, and what follows scratch
	shown    []int
	any, own []*scrape
	counts   [len(Buckets) + 1]float64
}

// columns are the places of the series in the schema's rows.
type columns struct {
	rate, errors, mean, p50, p90, p99, inFlight, utilization, cpu, memory, up, age int
}

// labSchema is the schema that the metrics of the simulated mesh are made for.
// Nobody writes to it.
var labSchema = sync.OnceValue(func() *mesh.Schema {
	s, _ := prom.Builtin("lab")
	return s
})

// newMetrics keeps what the windows of the timing need. Times are whole
// milliseconds, as in Prometheus.
func newMetrics(service string, endpoints []mesh.Endpoint, interval time.Duration, t mesh.Timing) (*metrics, error) {
	for _, d := range []time.Duration{interval, t.Step, t.Range} {
		if d < time.Millisecond || d%time.Millisecond != 0 {
			return nil, fmt.Errorf("scrape interval %v, step %v, range %v: want whole milliseconds", interval, t.Step, t.Range)
		}
	}
	if t.Delay < 0 || t.Delay%time.Millisecond != 0 {
		return nil, fmt.Errorf("delay of the metrics %v: want whole milliseconds", t.Delay)
	}
	s := labSchema()
	m := &metrics{
		timing: t, all: endpoints, rings: make([]scrapes, len(endpoints)),
		lookback: interval.Milliseconds()*2 + interval.Milliseconds()/2,
		window:   mesh.Window{Service: service, Schema: s},
		place: columns{
			s.Index(mesh.RequestRate), s.Index(mesh.ErrorRatio), s.Index(mesh.LatencyMean), s.Index(mesh.LatencyP50),
			s.Index(mesh.LatencyP90), s.Index(mesh.LatencyP99), s.Index(mesh.InFlight), s.Index(mesh.Utilization),
			s.Index(mesh.CPU), s.Index(mesh.Memory), s.Index(mesh.Up), s.Index(mesh.Age),
		},
	}
	kept := int((max(t.Range, 5*interval/2)+t.Delay+t.Step)/interval) + 2
	for i := range endpoints {
		m.rings[i].kept = make([]scrape, kept)
		m.order, m.last = append(m.order, i), append(m.last, -1)
	}
	slices.SortFunc(m.order, func(a, b int) int { return strings.Compare(endpoints[a].Name, endpoints[b].Name) })
	return m, nil
}

// scrape takes over what the scrape of endpoint i at t found.
func (m *metrics) scrape(t time.Duration, i int, c *Counters) {
	m.rings[i].add(scrapedAt(t), c)
}

// scrapedAt is the time of a scrape in whole milliseconds, up: a window that is
// decided upon at t has seen what is not later than t.
func scrapedAt(t time.Duration) int64 { return int64((t + time.Millisecond - 1) / time.Millisecond) }

// see returns the window that is decided upon at t, and which endpoint each of
// its rows is. Both are valid until the next call. An endpoint that was not
// scraped yet, or for long, is in no row.
func (m *metrics) see(t time.Duration) (*mesh.Window, []int) {
	w := &m.window
	w.Time = instantOf(t.Truncate(time.Millisecond))
	w.End = w.Time.Add(-m.timing.Delay)
	w.Start = w.End.Add(-m.timing.Range)
	s := promSpan{w.Start.UnixMilli(), w.End.UnixMilli()}
	w.Endpoints, w.Values, w.Requests, m.shown = w.Endpoints[:0], w.Values[:0], w.Requests[:0], m.shown[:0]
	width := len(w.Schema.Series)
	for _, i := range m.order {
		if !m.present(i, s) {
			continue
		}
		n := len(w.Values)
		w.Values = slices.Grow(w.Values, width)[:n+width]
		row := w.Values[n:]
		m.fill(row, &m.rings[i], s)
		w.Endpoints = append(w.Endpoints, m.all[i])
		w.Requests = append(w.Requests, row[m.place.rate]*m.timing.Range.Seconds())
		m.shown = append(m.shown, i)
	}
	m.judge(s)
	return w, m.shown
}

// present reports whether endpoint i is in the window, as package prom has it:
// from its first value until it had none for two steps or a range.
func (m *metrics) present(i int, s promSpan) bool {
	r := &m.rings[i]
	m.any = r.within(m.any[:0], s, false)
	if len(m.any) > 1 || len(m.any) == 1 && m.any[0].up || r.newest(s.end, m.lookback, false) != nil {
		m.last[i] = s.end
	} else if m.last[i] >= 0 && s.end-m.last[i] > max(2*m.timing.Step, m.timing.Range).Milliseconds() {
		m.last[i] = -1
	}
	return m.last[i] >= 0
}

// judge makes of an unknown `up` a 0, unless nobody was heard of: then it is
// the scraping that failed.
func (m *metrics) judge(s promSpan) {
	if !slices.ContainsFunc(m.shown, func(i int) bool { return m.last[i] == s.end }) {
		return
	}
	for k := range m.shown {
		if up := &m.window.Row(k)[m.place.up]; math.IsNaN(*up) {
			*up = 0
		}
	}
}

// fill evaluates the queries of the schema for one endpoint.
func (m *metrics) fill(row []float64, r *scrapes, s promSpan) {
	for k := range row {
		row[k] = math.NaN()
	}
	m.any, m.own = r.within(m.any[:0], s, false), r.within(m.own[:0], s, true)
	p := m.place
	errors := promRate(m.any, numBad, s)
	row[p.rate] = promRate(m.any, numGood, s) + errors
	row[p.errors] = errors / row[p.rate]
	if up := r.newest(s.end, m.lookback, false); up != nil {
		row[p.up] = 0
		if up.up {
			row[p.up] = 1
		}
	}
	for i := range Buckets {
		m.counts[i] = promRate(m.own, numBuckets+i, s)
	}
	answered := promRate(m.own, numAnswers, s)
	for _, x := range []struct {
		column int
		q      float64
	}{{p.p50, 0.5}, {p.p90, 0.9}, {p.p99, 0.99}} {
		m.counts[len(Buckets)] = answered
		row[x.column] = promQuantile(x.q, m.counts[:])
	}
	row[p.mean] = promRate(m.own, numLatencySum, s) / answered
	row[p.inFlight] = promAverage(m.own, numInFlight)
	row[p.utilization] = promRate(m.own, numBusySeconds, s) / promAverage(m.own, numWorkers)
	row[p.cpu] = promRate(m.own, numCPUSeconds, s)
	if own := r.newest(s.end, m.lookback, true); own != nil {
		row[p.memory] = own.v[numMemory]
		row[p.age] = float64(s.end)/1000 - float64(own.t)/1000 + m.timing.Delay.Seconds()
	}
	for k, v := range row {
		if math.IsInf(v, 0) { // a division by 0 says nothing
			row[k] = math.NaN()
		}
	}
}
