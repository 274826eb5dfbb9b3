package mesh

import (
	"fmt"
	"math"
)

// Weights says which part of the traffic each endpoint gets: one number per
// endpoint, none negative, sum 1; 0 is no traffic.
type Weights []float64

// weightSlack is how far a sum of weights may be from 1 by rounding alone.
const weightSlack = 1e-6

// Validate reports the first weight that is negative or not finite, or a sum
// that is not 1. No endpoints, no weights: that is valid.
func (w Weights) Validate() error {
	if len(w) == 0 {
		return nil
	}
	sum := 0.0
	for i, x := range w {
		if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
			return fmt.Errorf("weight %d is %v; want a finite number ≥ 0", i, x)
		}
		sum += x
	}
	if math.Abs(sum-1) > weightSlack {
		return fmt.Errorf("weights sum to %v; want 1", sum)
	}
	return nil
}

// Normalize scales w in place to sum 1; where nothing is positive and finite
// it makes all weights equal. It reports whether it had anything to scale.
func (w Weights) Normalize() bool {
	sum := 0.0
	for i, x := range w {
		if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
			w[i] = 0
		}
		sum += w[i]
	}
	if sum <= 0 || math.IsInf(sum, 0) {
		w.Equal()
		return false
	}
	for i := range w {
		w[i] /= sum
	}
	return true
}

// Equal gives every endpoint the same weight.
func (w Weights) Equal() {
	for i := range w {
		w[i] = 1 / float64(len(w))
	}
}
