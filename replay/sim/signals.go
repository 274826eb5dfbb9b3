package sim

import (
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/mesh"
)

// counts are what an endpoint and the proxies count of it.
type counts struct {
	good, failed        float64 // by the proxies
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
func (c *counts) restart() { *c = counts{good: c.good, failed: c.failed} }

// perInFlight is the memory that a request takes while it is there, bytes.
const perInFlight = 1e6

func (e *endpoint) scrape(now int64, dst *Counters) {
	e.advance(now)
	*dst = Counters{Good: e.counts.good, Errors: e.counts.failed, Workers: e.workers}
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
	shelves [shelfCount]shelf
	n       int // samples ever
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

// shelf holds the last latencies of requests that came at about one level: at
// exactly so many in flight below exactLevels, within some 15 % above.
type shelf struct {
	newest    int64 // when the last of them ended
	n         int   // ever
	latencies [near]float32
}

const (
	near        = 9 // samples that a median is taken of
	exactLevels = 32
	shelfCount  = exactLevels + 60
	// keptFor is how long a shelf counts that nothing was added to.
	keptFor = 10e9
)

func shelfOf(level int32) int {
	if level < exactLevels {
		return int(level)
	}
	return min(exactLevels+int(math.Log(float64(level)/exactLevels)/0.14), shelfCount-1)
}

func (s *signals) add(now int64, level int32, latency float64) {
	x := &s.shelves[shelfOf(level)]
	x.latencies[x.n%near] = float32(latency)
	x.n++
	x.newest = now
	s.n++
}

// latency is the median of what the last requests took that came at this level,
// and at the levels next to it where there were few. Prequal tags each latency
// with the requests in flight at its arrival.
func (s *signals) latency(now int64, level int32) float64 {
	if s.n == 0 {
		return nan
	}
	if s.medianAt == s.n && s.medianOf == level {
		return s.median
	}
	var found [3 * near]float32
	k, center := 0, shelfOf(level)
	for _, oldest := range [2]int64{now - keptFor, math.MinInt64} {
		for away := 0; away < shelfCount && k < near; away++ {
			for _, i := range [2]int{center - away, center + away} {
				if i < 0 || i >= shelfCount || s.shelves[i].n == 0 || s.shelves[i].newest < oldest || away == 0 && i != center {
					continue
				}
				x := &s.shelves[i]
				k += copy(found[k:], x.latencies[:min(x.n, near)])
				if away == 0 {
					break
				}
			}
		}
		if k > 0 {
			break
		}
	}
	slices.Sort(found[:k])
	s.medianOf, s.medianAt, s.median = level, s.n, float64(found[k/2])
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
	dst.Latency = s.latency(now, int32(e.inFlight))
}
