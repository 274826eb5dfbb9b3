package anomaly

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// noises are stationary streams: of light and heavy tails, skewed, discrete,
// correlated in time.
var noises = map[string]func(r *rand.Rand) func() float64{
	"normal":    func(r *rand.Rand) func() float64 { return r.NormFloat64 },
	"uniform":   func(r *rand.Rand) func() float64 { return r.Float64 },
	"lognormal": func(r *rand.Rand) func() float64 { return func() float64 { return math.Exp(r.NormFloat64()) } },
	"exp":       func(r *rand.Rand) func() float64 { return r.ExpFloat64 },
	"pareto":    func(r *rand.Rand) func() float64 { return func() float64 { return math.Pow(r.Float64(), -1/1.5) } },
	"coin":      func(r *rand.Rand) func() float64 { return func() float64 { return float64(r.IntN(2)) } },
	"rare": func(r *rand.Rand) func() float64 {
		return func() float64 {
			if r.IntN(20) == 0 {
				return 1
			}
			return 0
		}
	},
	"poisson": func(r *rand.Rand) func() float64 {
		return func() float64 {
			n, p := 0.0, r.Float64()
			for ; p > math.Exp(-3); n++ {
				p *= r.Float64()
			}
			return n
		}
	},
	"autoregressive": func(r *rand.Rand) func() float64 {
		x := 0.0
		return func() float64 { x = 0.8*x + r.NormFloat64(); return x }
	},
}

// TestFalseAlarms counts how often mere noise looks strange.
func TestFalseAlarms(t *testing.T) {
	const length = 20000
	for name, noise := range noises {
		for _, metrics := range []int{1, 4, 10} {
			t.Run(fmt.Sprintf("%s/%d", name, metrics), func(t *testing.T) {
				tracker := New(metrics, DefaultConfig())
				values := make([]float64, metrics)
				var draws []func() float64
				for m := range metrics {
					draws = append(draws, noise(rand.New(rand.NewPCG(uint64(m), 7))))
				}
				sum, alarms, loud := 0.0, 0, 0
				for range length {
					for m := range values {
						values[m] = draws[m]()
					}
					s := tracker.Push(nil, values)
					if s.Value < 0 || s.Value > 1 || math.IsNaN(s.Value) {
						t.Fatalf("score is %v", s.Value)
					}
					sum += s.Value
					if s.Value > 0.5 {
						alarms++
					}
					if s.Value > 0.9 {
						loud++
					}
				}
				t.Logf("mean %.4f, above 0.5 %.4f, above 0.9 %.5f", sum/length, float64(alarms)/length, float64(loud)/length)
			})
		}
	}
}
