package sim

import (
	"math"

	"github.com/fairway-mesh/fairway/mesh"
)

// counts are what an endpoint and the proxies count of it.
type counts struct {
	sent, failed        float64 // by the proxies
	answers, latencySum float64
	cells               [len(Buckets) + 1]float64 // latencies by the bucket they fall in
	busy, cpu           float64
	errors, service     float64 // answers that were errors; seconds that requests were served
}

func (c *counts) answer(latency, service float64, failed bool) {
	c.answers++
	c.latencySum += latency
	c.service += service
	if failed {
		c.errors++
	}
	i := 0
	for i < len(Buckets) && latency > Buckets[i] {
		i++
	}
	c.cells[i]++
}

// restart begins the counts of the endpoint again; those of the proxies go on.
func (c *counts) restart() { *c = counts{sent: c.sent, failed: c.failed} }

// perInFlight is the memory that a request takes while it is there, bytes.
const perInFlight = 1e6

func (e *endpoint) scrape(now int64, dst *Counters) {
	e.advance(now)
	*dst = Counters{Sent: e.counts.sent, Errors: e.counts.failed, Workers: e.workers}
	if e.down || e.lost || e.speed <= 0 { // refused, cut off, or hanging
		return
	}
	dst.Up = true
	dst.Answers, dst.LatencySum = e.counts.answers, e.counts.latencySum
	sum := 0.0
	for i := range dst.AtMost {
		sum += e.counts.cells[i]
		dst.AtMost[i] = sum
	}
	dst.BusySeconds, dst.CPUSeconds = e.counts.busy, e.counts.cpu
	dst.InFlight = float64(e.inFlight)
	dst.Memory = e.memory + e.leaked + perInFlight*dst.InFlight
}

// signals is what an endpoint remembers to say of itself.
type signals struct {
	samples [128]sample // a ring of the last answers
	n       int         // answers ever
	// The median for a level, until there is another sample.
	medianOf int32
	medianAt int
	median   float64
	// The counts a second ago or when they were last asked for, if that is
	// longer, and what they grew to meanwhile.
	from   int64
	before counts
	rates  mesh.Load
}

type sample struct {
	level   int32 // in flight when the request came
	latency float32
}

func (s *signals) add(level int32, latency float64) {
	s.samples[s.n%len(s.samples)] = sample{level, float32(latency)}
	s.n++
}

// near is how many samples a median is taken of.
const near = 9

// latency is the median of what the last requests took that came at about this
// level; of none such, what the last at the next level to it took. Prequal
// tags each latency with the requests in flight at its arrival.
func (s *signals) latency(level int32) float64 {
	if s.n == 0 {
		return math.NaN()
	}
	if s.medianAt == s.n && s.medianOf == level {
		return s.median
	}
	slack := max(1, level/10)
	var found [near]float32
	k, closest, gap := 0, float32(0), int32(math.MaxInt32)
	for i := s.n - 1; i >= max(0, s.n-len(s.samples)) && k < near; i-- {
		x := s.samples[i%len(s.samples)]
		d := x.level - level
		if d < 0 {
			d = -d
		}
		if d < gap {
			gap, closest = d, x.latency
		}
		if d > slack {
			continue
		}
		j := k
		for ; j > 0 && found[j-1] > x.latency; j-- {
			found[j] = found[j-1]
		}
		found[j] = x.latency
		k++
	}
	s.medianOf, s.medianAt, s.median = level, s.n, float64(closest)
	if k > 0 {
		s.median = float64(found[k/2])
	}
	return s.median
}

// newSignals are those of an endpoint that has begun at now, after those counts.
func newSignals(now int64, before counts) signals {
	return signals{from: now, before: before, rates: mesh.Load{Service: nan, Rate: nan, ErrorRate: nan, Utilization: nan}}
}

// reportSpan is how long the rates of a report are counted at least.
const reportSpan = 1e9

func (e *endpoint) load(now int64, dst *mesh.Load) {
	s := &e.signals
	if now-s.from >= reportSpan {
		e.advance(now)
		seconds, c, b := float64(now-s.from)*1e-9, &e.counts, &s.before
		answers := c.answers - b.answers
		s.rates = mesh.Load{
			Service:     (c.service - b.service) / answers, // NaN of none
			Rate:        answers / seconds,
			ErrorRate:   (c.errors - b.errors) / seconds,
			Utilization: (c.busy - b.busy) / seconds / e.workers,
		}
		s.from, s.before = now, *c
	}
	*dst = s.rates
	dst.InFlight = float64(e.inFlight)
	dst.Latency = s.latency(int32(e.inFlight))
}
