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

// TestFalseAlarms counts how often mere noise looks strange: the score of a
// single metric exceeds 0.5 about once in a thousand (less than once in a
// hundred when correlated in time, four times in a thousand when all there is
// to see is one event in twenty), that of many metrics less often still.
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
				sum, alarms, loud := 0.0, 0.0, 0.0
				for range length {
					for m := range values {
						values[m] = draws[m]()
					}
					s := tracker.Push(nil, math.NaN(), values)
					if !(s.Value >= 0 && s.Value <= 1) {
						t.Fatalf("score is %v", s.Value)
					}
					sum += s.Value / length
					if s.Value > 0.5 {
						alarms += 1.0 / length
					}
					if s.Value > 0.9 {
						loud += 1.0 / length
					}
				}
				most, loudest := 0.002, 0.0002
				switch name {
				case "autoregressive":
					most, loudest = 0.01, 0.001
				case "rare":
					most = 0.004
				}
				if sum > 0.02 || alarms > most || loud > loudest {
					t.Errorf("mean %.4f, above 0.5 %.4f, above 0.9 %.5f; want at most 0.02, %v, %v", sum, alarms, loud, most, loudest)
				}
			})
		}
	}
}

// TestCalibrated: the surprise of one value of noise is −log10 of a
// probability, so that s is exceeded in about 10^-s of all cases; never much
// more often.
func TestCalibrated(t *testing.T) {
	for _, name := range []string{"normal", "lognormal", "exp", "pareto", "uniform"} {
		draw := noises[name](rand.New(rand.NewPCG(1, 1)))
		m, n, cfg := metric{}, 50000, DefaultConfig()
		above := [4]float64{}
		for range n {
			m.push(math.NaN(), draw(), nil, &cfg)
			// The measure itself, not yet pooled with the range.
			s := m.Residual.surprise(distance(draw()-m.Level, m.Scale, m.Level))
			for k := range above {
				if s >= float64(k) {
					above[k] += 1 / float64(n)
				}
			}
		}
		for k, share := range above[1:] {
			want := math.Pow(10, -float64(k+1))
			if share > 1.6*want+0.0003 {
				t.Errorf("%s: surprise %d is exceeded in %.5f of cases, want about %v", name, k+1, share, want)
			}
			if k == 0 && share < 0.5*want {
				t.Errorf("%s: surprise 1 is exceeded in %.5f of cases only", name, share)
			}
		}
	}
}

// TestMonotone: the farther, the stranger, whatever the past was.
func TestMonotone(t *testing.T) {
	for name, noise := range noises {
		draw := noise(rand.New(rand.NewPCG(9, 9)))
		m, cfg := metric{}, DefaultConfig()
		for range 777 {
			m.push(math.NaN(), draw(), nil, &cfg)
		}
		last := -1.0
		for x := 0.001; x < 1e6; x *= 1.01 {
			s := m.Residual.surprise(x)
			if s < last {
				t.Fatalf("%s: at %v scales the surprise falls from %v to %v", name, x, last, s)
			}
			last = s
		}
		if last < 1.5 || last > 2*math.Log10(778) {
			t.Errorf("%s: utmost surprise is %v", name, last)
		}
		if excess := squash(last); excess < squash(last-1) || squash(-1) != 0 || squash(1e9) > 1 {
			t.Error("squash is not monotone to [0, 1]")
		}
	}
}

func TestChance(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for _, n := range []int{1, 2, 3, 10} {
		tracker, sum, rounds := New(n, DefaultConfig()), 0.0, 20000
		for range rounds {
			tracker.strongest = tracker.strongest[:0]
			for range n {
				tracker.keep(r.ExpFloat64() / math.Ln10)
			}
			sum += tracker.pooled() / float64(rounds)
		}
		if want := chance(n, DefaultConfig().Strongest); math.Abs(sum-want) > 0.01 {
			t.Errorf("%d metrics: pooled %v on average, chance says %v", n, sum, want)
		}
	}
}
