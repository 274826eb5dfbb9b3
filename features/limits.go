package features

import (
	"math"
	"slices"
)

// What UsualLimit takes: multiples of the median, seconds, standard deviations.
const TailFactor, AlertTail, TailSpread = 3, 1.0, 8

// UsualLimit is the latency limit of a service where nobody configured one, by the
// quartiles of its usual tail latency, all in seconds: TailFactor times the median,
// and TailSpread standard deviations above it, whichever is more. AlertTail is the
// origin's alert on the p99. A service that is well below it
// has failed its callers long before, so the limit follows its median; one whose
// median is near to it is held to the alert itself; and one that is always above
// would never work. Labels and features take the same, or a forecast would be
// judged by another limit than it sees.
func UsualLimit(low, median, high float64) float64 {
	deviation := (high - low) / quartiles
	limit := TailFactor * median
	if median < AlertTail {
		limit = min(limit, AlertTail)
	}
	return max(limit, median+TailSpread*deviation)
}

const (
	// quartiles is how far those of a normal distribution are apart, in standard
	// deviations.
	quartiles = 1.349
	// tailFew is how many latencies a usual tail needs, tailMost how many it is
	// of: those of before are forgotten as slowly.
	tailFew, tailMost = 20, 4000
	// tailNarrow is the least distance of the quartiles that is believed, ln.
	tailNarrow = 0.02
)

// tails are the usual watched latencies of a service, ln(s), over its endpoints
// and its past: the quartiles, by stochastic approximation (Robbins and Monro
// 1951), so that a minority which fails moves them little.
type tails struct{ N, Low, Middle, High float64 }

// add takes in the latencies of a window, sorted. The gain is the best for a
// normal distribution, of which one over the density at the median is 1.86, at
// the quartiles 2.33 times the distance of the quartiles.
func (t *tails) add(window []float64) {
	n := float64(len(window))
	if n == 0 {
		return
	}
	if t.N == 0 {
		middle := window[len(window)/2]
		t.Low, t.Middle, t.High = middle-0.2, middle, middle+0.2
	}
	t.N = min(t.N+n, tailMost)
	gain := max(t.High-t.Low, tailNarrow) / (t.N + 10)
	move := func(at *float64, q, density float64) {
		below, _ := slices.BinarySearch(window, *at)
		*at += density * gain * (q*n - float64(below))
	}
	move(&t.Low, 0.25, 2.33)
	move(&t.Middle, 0.5, 1.86)
	move(&t.High, 0.75, 2.33)
}

// limit is beyond which latency, ln(s), an endpoint fails; NaN while the usual
// is unknown.
func (t *tails) limit() float64 {
	if t.N < tailFew {
		return math.NaN()
	}
	return math.Log(UsualLimit(math.Exp(t.Low), math.Exp(t.Middle), math.Exp(t.High)))
}

// latencyLimit is what the objective says or, where it says nothing, what is
// usual of the service: nothing depends on how long the recording is, nor on
// what training knew of the service's name.
func (s *service) latencyLimit(cfg *Config) float64 {
	if cfg.Objective.MaxLatency > 0 {
		return math.Log(limitLatency(cfg.Objective))
	}
	return s.tails.limit()
}
