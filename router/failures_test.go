package router

import (
	"fmt"
	"testing"
)

// TestAFailureIsNoAnswer: an endpoint that fails 30 % of its requests gets less
// than its healthy peers however fast it is, and however much it seems to be
// able to do: a failure costs the deadline.
func TestAFailureIsNoAnswer(t *testing.T) {
	for name, p := range map[string]Policy{"queueing": Queueing(DefaultConfig()), "learned": learnt(t)} {
		for _, latency := range []float64{0.0001, 0.001, 0.005, 0.020, 0.100, 0.500} {
			for _, capacity := range []float64{100, 1000, 5000} {
				for _, rate := range []float64{2, 20, 60} { // per endpoint that can do 100
					list := six()
					for i := range list {
						list[i].rate, list[i].mean = rate, 0.010/(1-rate/100)
					}
					list[2].capacity, list[2].mean = capacity, latency
					list[2] = list[2].failing(0.3)
					d := decide(t, p, frame(9, list...))
					what := fmt.Sprintf("%s: %v requests/s each, one with 30 %% failures in %v s at a capacity of %v: weights %.4v", name, rate, latency, capacity, d.Weights)
					for i, w := range d.Weights {
						if i != 2 && w <= d.Weights[2] {
							t.Fatal(what)
						}
					}
				}
			}
		}
	}
}
