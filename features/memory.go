package features

import (
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/anomaly"
)

// memory is what is remembered of one endpoint.
type memory struct {
	state
	trends
	ramp
	climbs
	tracker  *anomaly.Tracker
	surprise []float64 // of the newest push, per series of the schema
	peer     *anomaly.Peer
	score    anomaly.Score
	alive    bool    // not known to be down, nor absent for long
	excess   float64 // log: how far the latency is off the queue's, for long enough
}

// state is the part of a memory that is numbers alone: its fields are float64
// or made of them, exported to encoding/binary only.
type state struct {
	Seen   float64 // unix seconds when it last showed any sign of itself
	Sample float64 // unix seconds of its newest sample
	Silent float64 // windows since the request rate had a value
	Absent float64 // windows since it was seen

	Up, Missing float64

	Rate, InFlight, Memory                gauge // ln(1+x)
	Latency, P50, P90, P99, CPU, Capacity gauge // ln(x)
	Errors, Utilization                   gauge
	Watched                               float64 // ln(s), the watched latency, carried forward
	LatencyRecent                         mean    // mean latency, seconds, weighted by good requests
	LatencyPast                           mean
	ErrorsRecent                          mean // error ratio, weighted by requests
	ErrorsPast                            mean
	Short, Long                           tally // of late, and since the capacity last changed
	Concurrency                           mean  // log of the requests served at once
	Excess                                excess
	Deviation                             deviation // of the log capacity
	PeakRate, PeakInFlight                float64
	Scores                                [5]float64 // of the last windows, the newest first
}

// trends are where an endpoint is going.
type trends struct{ latency, errors, utilization, footprint anomaly.Trend }

func (t *trends) all() [4]*anomaly.Trend {
	return [...]*anomaly.Trend{&t.latency, &t.errors, &t.utilization, &t.footprint}
}

// reset begins all trends anew, after a gap.
func (m *memory) reset() {
	for _, t := range m.trends.all() {
		t.Reset()
	}
	for _, t := range m.climbs.all() {
		t.Reset()
	}
}

// blank is the state of an endpoint that nothing was seen of.
func blank() state {
	nan := math.NaN()
	return state{
		Seen: nan, Sample: nan, Up: nan, Missing: nan,
		Rate: unseen, InFlight: unseen, Memory: unseen, Latency: unseen, CPU: unseen,
		Capacity: unseen, Errors: unseen, Utilization: unseen,
		P50: unseen, P90: unseen, P99: unseen, Watched: nan,
	}
}

// errorPrior is how many requests an endpoint's past counts for in its error
// ratio: a lone failure among few requests is not a failing endpoint. Nor does
// a past failure count after it is over: what is held against an endpoint is at
// most half of the objective's limit.
const errorPrior = 5

// latencyPrior is how many requests an endpoint's past counts for in its
// latency reference: little while there is traffic, all when there is none.
const latencyPrior = 1

// track starts a tracker of the service's series, and a peer of its peers.
func (m *memory) track(s *service, cfg anomaly.Config) {
	m.tracker, m.peer = anomaly.New(len(s.series), cfg), s.peers.NewPeer()
	m.surprise = make([]float64, len(s.series))
	m.score = anomaly.Score{Top: -1}
}

const (
	// contributions is how many series explain an anomaly.
	contributions = 3
	// notable is the least surprise of a contribution: one in ten.
	notable = 1
)

// strangest appends the series that surprise most, the strangest first. The
// surprises are of those at places; nil: of all.
func strangest(top []Contribution, surprise []float64, series []string, places []int) []Contribution {
	for i, s := range surprise {
		if s < notable {
			continue
		}
		at := len(top)
		for at > 0 && top[at-1].Surprise < s {
			at--
		}
		if at == contributions {
			continue
		}
		if len(top) == contributions {
			top = top[:contributions-1]
		}
		if places != nil {
			i = places[i]
		}
		top = slices.Insert(top, at, Contribution{series[i], s})
	}
	return top
}

// enough is the number of requests of which a window's mean latency gets half
// of the weight that it can get: a busy window shall not outweigh the calm ones
// after it for long.
const enough = 20

// clock is how far a window is from the one before.
type clock struct {
	now          float64 // unix seconds of the decision
	dt           float64 // seconds since the previous window, 0 for the first
	halfLife     float64 // of trends, seconds; 0 while no step is known
	recent, past float64 // discounts per window
	peak         float64 // discount of peaks per window
	excused      float64 // highest past error ratio that is held against an endpoint
	gap          float64 // windows after which a missing rate is none
	fresh        float64 // seconds of the window's span that no window had before
	span         float64 // seconds of the window
	new          float64 // part of the span that is fresh
	noise        float64 // variance of the log capacity that one request tells
	quantile     float64 // that is watched
}

// advance makes a reading part of the memory.
func (m *memory) advance(r *reading, c *clock) {
	m.Absent++
	if r.seen {
		m.Seen, m.Absent = c.now, 0
	}
	m.Sample = first(c.now-r.age, m.Sample)
	if m.Up == 0 && r.up > 0 {
		m.ErrorsRecent.fade(0) // they were those of the process that is gone
		m.Born = 0
	}
	m.Up, m.Missing = r.up, r.missing
	m.advanceRate(r, c)
	m.alive = m.Up != 0 && m.Absent <= c.gap
	m.advanceErrors(r, c)
	m.advanceLatency(r, c)
	m.InFlight.see(c.past, math.Log1p(r.inFlight))
	m.Utilization.see(c.past, r.utilization)
	m.Memory.see(c.past, math.Log1p(r.memory))
	m.CPU.see(c.past, perRequest(r))
	if c.halfLife > 0 {
		m.advanceTrends(r, c)
	}
}

// perRequest is the logarithm of the processor time per request.
func perRequest(r *reading) float64 {
	if r.rate > 0 && r.cpu > 0 {
		return math.Log(r.cpu / r.rate)
	}
	return math.NaN()
}

// advanceRate keeps the last rate through a few missing windows; what has no
// rate for longer, or is down, gets no requests.
func (m *memory) advanceRate(r *reading, c *clock) {
	if !isNaN(r.rate) {
		m.Silent = 0
		m.Rate.see(c.past, math.Log1p(r.rate))
		return
	}
	m.Silent++
	if !isNaN(m.Rate.Last) && (m.Silent > c.gap || r.up == 0) {
		m.Rate.see(c.past, 0)
	}
}

func (m *memory) advanceErrors(r *reading, c *clock) {
	if isNaN(r.errors) {
		m.ErrorsRecent.fade(c.recent)
		return
	}
	n := first(r.requests, 4*errorPrior) // unknown: trust it mostly
	window := mean{n * r.errors, n}
	m.Errors.Last = window.towards(min(first(m.ErrorsPast.value(), 0), c.excused), errorPrior)
	m.ErrorsRecent.add(c.recent, r.errors, n)
	m.ErrorsPast.add(c.past, r.errors, n)
}

func (m *memory) advanceLatency(r *reading, c *clock) {
	m.P50.see(c.past, math.Log(r.p50))
	m.P90.see(c.past, math.Log(r.p90))
	m.P99.see(c.past, math.Log(r.p99))
	m.Watched = first(math.Log(r.watched(c.quantile)), m.Watched)
	typical := r.typical()
	if isNaN(typical) {
		m.LatencyRecent.fade(c.recent)
		return
	}
	// Failures are often quick: they must not make an endpoint look fast.
	n := first(r.requests, 1)
	weight := max(enough*n/(n+enough)*(1-first(r.errors, 0)), tiny)
	m.LatencyRecent.add(c.recent, typical, weight)
	m.LatencyPast.add(c.past, typical, weight)
	m.Latency.see(c.past, math.Log(typical))
}

// reference is the latency that is taken for the present one: the recent mean,
// drawn to the past as what is recent fades.
func (m *memory) reference() float64 {
	return m.LatencyRecent.towards(m.LatencyPast.value(), latencyPrior)
}

func (m *memory) advanceTrends(r *reading, c *clock) {
	for _, t := range m.trends.all() {
		if t.HalfLife() != c.halfLife {
			*t = *anomaly.NewTrend(c.halfLife)
		}
	}
	errors := math.NaN()
	if !isNaN(r.errors) {
		errors = angle(m.Errors.Last)
	}
	m.latency.Push(c.dt, math.Log(r.typical()))
	m.errors.Push(c.dt, errors)
	m.utilization.Push(c.dt, r.utilization)
	m.footprint.Push(c.dt, math.Log1p(r.memory))
}
