package lab

import (
	"math"
	"math/rand/v2"
	"time"
)

// Shares are counted in ten-thousandths, so that they sum to exactly 1 and the
// propensity in the request log is the probability that was drawn with.
const (
	shareUnit = 10000
	minShare  = 0.02
	maxShare  = 0.70
)

// period is a span in which the shares of a service stay the same.
type period struct {
	start, end time.Duration
	shares     []int // one per endpoint, in units of 1/shareUnit; sum shareUnit
}

// periods draws shares for n endpoints that cover duration. It sees nothing of
// the mesh: that is what makes the recording fit for causal questions.
func periods(rng *rand.Rand, n int, duration time.Duration) []period {
	var drawn []period
	for at := time.Duration(0); at < duration; {
		length := time.Duration(rng.ExpFloat64() * float64(20*time.Second))
		length = min(max(length, 10*time.Second), 30*time.Second)
		drawn = append(drawn, period{at, at + length, shares(rng, n)})
		at += length
	}
	return drawn
}

// shares draws one point of the simplex within the bounds. A symmetric
// Dirichlet of random concentration gives nearly equal shares at times and one
// dominant endpoint at others.
func shares(rng *rand.Rand, n int) []int {
	concentration := []float64{0.6, 1.5, 5}[rng.IntN(3)]
	weights := make([]float64, n)
	sum := 0.0
	for i := range weights {
		weights[i] = gamma(rng, concentration)
		sum += weights[i]
	}
	units := make([]int, n)
	rest := shareUnit
	for i, w := range weights {
		units[i] = min(max(int(math.Round(w/sum*shareUnit)), minShare*shareUnit), maxShare*shareUnit)
		rest -= units[i]
	}
	// What clamping and rounding left over or took too much goes, unit by
	// unit, to endpoints drawn at random among those that have room.
	for rest != 0 {
		i, step := rng.IntN(n), 1
		if rest < 0 {
			step = -1
		}
		if next := units[i] + step; next >= minShare*shareUnit && next <= maxShare*shareUnit {
			units[i] = next
			rest -= step
		}
	}
	return units
}

// pick draws an endpoint with the probabilities of the period.
func (p period) pick(rng *rand.Rand) int {
	u := rng.IntN(shareUnit)
	for i, s := range p.shares {
		if u -= s; u < 0 {
			return i
		}
	}
	panic("lab: shares sum to less than 1") // shares() ends at the exact sum
}

// gamma draws from the gamma distribution with the given shape and scale 1
// (Marsaglia and Tsang, A simple method for generating gamma variables, 2000).
func gamma(rng *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(rng, shape+1) * math.Pow(rng.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := math.Pow(1+c*x, 3)
		if v > 0 && math.Log(1-rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
