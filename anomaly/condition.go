package anomaly

import "fmt"

// Condition says how strange the state of one endpoint is, by all its metrics
// together, against a long past: not whether something has just begun (that is
// a Tracker's), but whether the endpoint is now as it usually is. A fault that
// lasts stays strange while it lasts.
//
// Each metric is measured four ways: its distance from its level, what remains
// of that when the metrics' usual joint moves are subtracted (Correlation), its
// step since the value before, and its drift from a fast mean. Each measure is
// the mean square over the metrics, in scales, divided by what is usual for it;
// the condition is the mean of the four, smoothed: 1 is usual, 10 is ten times
// as far out as usual. Memory is constant: under 200 bytes for each metric.
type Condition struct {
	metrics     []course
	bonds       *Correlation
	usual       [measures]Level // of the mean squares
	among       exceedance      // of what the metrics' own mean squares have been, all together
	short, long float64         // smoothed multiples of the usual
	n           float64         // pushes that could be measured
	held        bool

	places, rests []float64 // scratch: distances from levels, and without the joint moves
}

// course is what is remembered of one metric. Its fields are exported to
// encoding/binary only.
type course struct {
	Last, Fast float64
	Past       [measures]Level
	Recent     float64 // mean square of its measures, in multiples of the usual, smoothed
}

const (
	place, rest, step, drift = 0, 1, 2, 3
	measures                 = 4

	// conditionMemory is how many values a level remembers: three weeks of
	// minutes, six days of 15 s. A level of hours follows a fault that lasts.
	conditionMemory = 1 << 15
	// referenceRows is how many values a past needs before Hold may keep it.
	referenceRows = 1000
	// jointMoves is the rank of the correlation.
	jointMoves = 2
	// fastWeight is the weight of the newest value in the mean that drift is measured
	// from; short and long those of the newest in the smoothed condition.
	fastWeight, shortWeight, longWeight = 0.2, 0.3, 0.1
	// leastRest is the least scale of what remains without the joint moves, in
	// scales of the metric: less is rounding.
	leastRest = 0.01
	// leastUsual is the least mean square that is usual: that of metrics of
	// which one in ten moves.
	leastUsual = 0.1
)

// NewCondition returns a condition of that many metrics without a past.
func NewCondition(metrics int) *Condition {
	c := &Condition{metrics: make([]course, metrics), bonds: NewCorrelation(metrics, jointMoves), short: 1, long: 1}
	c.places, c.rests = make([]float64, metrics), make([]float64, metrics)
	return c
}

// Len is how many metrics there are.
func (c *Condition) Len() int { return len(c.metrics) }

// Hold keeps the levels, scales and joint moves as they are, because what was
// pushed so far is a reference and what comes is to be compared with it. A past
// of fewer than a thousand pushes is no reference: it goes on learning until it
// has them.
func (c *Condition) Hold() { c.held = true }

// Push takes the next value of each metric, judges them by the past alone, then
// makes them part of it. dst[m], where dst is not nil, becomes −log10 of the
// probability that a metric of this endpoint is as strange as m, 0 where m is
// skipped; warm-up is how many values a metric must have had. Values are skipped
// as Tracker.Push skips them. Both slices must have a place for each metric, else
// Push panics. Push does not allocate.
func (c *Condition) Push(dst, values []float64, warmup int) Score {
	if len(values) != len(c.metrics) || dst != nil && len(dst) != len(c.metrics) {
		panic(fmt.Sprintf("anomaly: %d values and %d places for %d metrics", len(values), len(dst), len(c.metrics)))
	}
	learning := !c.held || c.n < referenceRows
	c.locate(values, warmup)
	c.bonds.Residual(c.rests, c.places)
	score := Score{Top: -1}
	var sums [measures]float64
	present, top := 0.0, 0.0
	for j := range c.metrics {
		m := &c.metrics[j]
		warm := m.Past[place].N >= float64(warmup)
		var squares [measures]float64
		if usable(values[j]) {
			squares = m.measure(values[j], c.places[j], c.rests[j], learning, warm)
		} else {
			warm = false
		}
		strangeness := 0.0
		if warm {
			present++
			strangeness = c.tell(m, &squares, &sums, learning)
		}
		if strangeness >= notable && c.metrics[j].Recent > top {
			top, score.Top = c.metrics[j].Recent, j
		}
		if dst != nil {
			dst[j] = strangeness
		}
	}
	if present > 0 {
		score.Warm = true
		c.pool(&sums, present, learning)
		if learning {
			c.bonds.Learn(c.places, conditionMemory)
		}
	}
	score.Value = c.value()
	return score
}

// locate fills places with the distances from the levels, 0 where unknown.
func (c *Condition) locate(values []float64, warmup int) {
	for j, v := range values {
		past := &c.metrics[j].Past[place]
		c.places[j] = 0
		if usable(v) && past.N >= float64(warmup) {
			c.places[j] = limited(past.Distance(v, 0))
		}
	}
}

// measure returns the squared measures of a value and moves the metric's past
// on; all 0 while the metric is not warm.
func (m *course) measure(v, placed, rested float64, learning, warm bool) (squares [measures]float64) {
	if m.Past[place].N == 0 {
		m.Last, m.Fast = v, v
	}
	moves := [measures]float64{place: v, rest: rested, step: v - m.Last, drift: v - m.Fast}
	for k, move := range moves {
		if k == rest && !warm {
			continue // there is no distance yet whose rest it could be
		}
		least := 0.0
		if k == rest {
			least = leastRest
		}
		past := &m.Past[k]
		if d := limited(past.Distance(move, least)); warm && past.N >= fewYet {
			squares[k] = d * d
		}
		if learning {
			past.Learn(move, least, conditionMemory)
		}
	}
	m.Last = v
	m.Fast += fastWeight * (v - m.Fast)
	return squares
}

// tell adds a metric's squares to the sums and returns how strange it is among
// what all metrics have been: each is in its own scales already, and by its own
// past alone one that seldom moves would always be the strangest.
func (c *Condition) tell(m *course, squares, sums *[measures]float64, learning bool) float64 {
	own := 0.0
	for k, s := range squares {
		sums[k] += s
		own += s / max(c.usual[k].Mean, leastUsual) / measures
	}
	m.Recent += shortWeight * (own - m.Recent)
	x := axis(m.Recent) // of a square: octaves count double
	strangeness := c.among.surprise(x)
	if learning {
		c.among.add(x)
	}
	return strangeness
}

// pool joins the measures of all metrics and moves the condition on.
func (c *Condition) pool(sums *[measures]float64, present float64, learning bool) {
	c.n++
	multiple := 0.0
	for k, sum := range sums {
		mean := sum / present
		if learning {
			c.usual[k].Learn(mean, 0, conditionMemory)
		}
		multiple += mean / max(c.usual[k].Mean, leastUsual) / measures
	}
	c.short += shortWeight * (multiple - c.short)
	c.long += longWeight * (multiple - c.long)
}

// evenOdds is the multiple of the usual, beyond 1, that scores 0.5.
const evenOdds = 9

// value maps the smoothed multiple of the usual to [0, 1): strictly rising
// above the usual, so that of two strange states the stranger scores higher.
func (c *Condition) value() float64 {
	excess := max((c.short+c.long)/2-1, 0)
	return excess / (excess + evenOdds)
}
