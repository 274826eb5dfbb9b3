package contest

import (
	"math"
	"slices"
)

func curves(runs []*reduced) Curves {
	c := Curves{}
	for p := range Parts {
		low, middle, high := spread(runs, func(r *reduced) float64 { return r.quantiles[p] })
		c.LatencyLow, c.Latency, c.LatencyHigh = append(c.LatencyLow, low), append(c.Latency, middle), append(c.LatencyHigh, high)
	}
	first := runs[0].trail
	c.Endpoints, c.Shares, c.Weights, c.Start = first.endpoints, first.shares, first.weights, first.start
	for i := range c.Start {
		at := func(of func(slot) float64) func(*reduced) float64 {
			return func(r *reduced) float64 {
				if i >= len(r.slots) {
					return math.NaN()
				}
				return of(r.slots[i])
			}
		}
		_, mean, _ := spread(runs, at(func(s slot) float64 { return s.mean }))
		_, p99, _ := spread(runs, at(func(s slot) float64 { return s.p99 }))
		c.Mean, c.P99 = append(c.Mean, mean), append(c.P99, p99)
	}
	return c
}

// spread is the least, the median and the most of what is known of the runs.
func spread(runs []*reduced, of func(*reduced) float64) (low, middle, high float64) {
	var known []float64
	for _, r := range runs {
		if x := of(r); !notFinite(x) {
			known = append(known, x)
		}
	}
	if len(known) == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	slices.Sort(known)
	n := len(known)
	return known[0], (known[(n-1)/2] + known[n/2]) / 2, known[n-1]
}
