package benchmark

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/prom"
)

// latency and ratio put values on a scale where they stray about as far
// wherever they are: the logarithm of a time or an amount, the arcsine of the
// root of a share (Anscombe). What cannot be is NaN.
func latency(v float64) float64 {
	if !(v > 0) {
		return math.NaN()
	}
	return math.Log(v)
}

func ratio(v float64) float64 {
	if !(v >= 0 && v <= 1) {
		return math.NaN()
	}
	return math.Asin(math.Sqrt(v))
}

// chance is by how much ratio of a share of n requests strays by chance.
func chance(n float64) float64 { return 0.5 / math.Sqrt(max(n, 1)) }

// tenth is the least scale of latency: a tenth more or less does not matter.
const tenth = 0.1

// course is one series on a scale where it strays about as far wherever it is,
// more being worse, and the least scale at each step.
type course struct{ values, floors []float64 }

func logarithms(values []float64) course {
	c := course{make([]float64, len(values)), make([]float64, len(values))}
	for i, v := range values {
		c.values[i], c.floors[i] = latency(v), tenth
	}
	return c
}

// failures are the share of failures of a service; the least scale is
// what chance makes of as many requests as there were.
func failures(success prom.Row, rates prom.Matrix, step time.Duration) course {
	c := course{make([]float64, len(success.Values)), make([]float64, len(success.Values))}
	for i, v := range success.Values {
		c.values[i], c.floors[i] = ratio(1-v), chance(0)
		for _, rate := range rates {
			if rate.Labels["service"] == success.Labels["service"] && rate.Values[i] > 0 {
				c.floors[i] = chance(rate.Values[i] * step.Seconds())
			}
		}
	}
	return c
}
