package benchmark

import (
	"math"

	"github.com/fairway-mesh/fairway/anomaly"
)

// trail compares the newest values of a series, in the mean, with those before.
type trail struct {
	level  anomaly.Level
	recent []float64 // oldest first; NaN where missing
	keep   int
}

// push takes the next value. What is no longer recent becomes past.
func (t *trail) push(v, floor, memory float64) {
	if len(t.recent) == t.keep {
		t.level.Learn(t.recent[0], floor, memory)
		t.recent = append(t.recent[:0], t.recent[1:]...)
	}
	t.recent = append(t.recent, v)
}

// distance is how far the recent mean is from the past, 0 where either is unknown.
func (t *trail) distance(floor float64) float64 {
	sum, n := 0.0, 0.0
	for _, v := range t.recent {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	if d := t.level.Distance(sum/n, floor); !math.IsNaN(d) {
		return d
	}
	return 0
}
