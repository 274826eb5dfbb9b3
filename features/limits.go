package features

import (
	"math"
	"slices"
)

const (
	// tailFactor, alertTail and tailSpread set the latency limit of a service
	// where nobody configured one, as train's labels do: so many times the usual
	// tail, but the origin's alert of one second where the usual is below, and no
	// less than so many standard deviations above it.
	tailFactor, alertTail, tailSpread = 3, 1.0, 8
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
	median := math.Exp(t.Middle)
	deviation := (math.Exp(t.High) - math.Exp(t.Low)) / 1.349
	limit := tailFactor * median
	if median < alertTail {
		limit = min(limit, alertTail)
	}
	return math.Log(max(limit, median+tailSpread*deviation))
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
