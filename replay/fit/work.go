package fit

import (
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/replay/sim"
)

// shape is the distribution of work that is most like a sample, and the
// greatest difference of the two distribution functions (Kolmogorov–Smirnov).
type shape struct {
	work     sim.Work
	distance float64
}

// shapeOf compares a sample with the distributions that the simulator draws
// from, each with the sample's mean, and lognormal with its deviation too. The
// sample is sorted on return.
func shapeOf(sample []float64) shape {
	slices.Sort(sample)
	mean := meanOf(sample)
	deviation := mean.Error * math.Sqrt(float64(len(sample)))
	sigma := math.Sqrt(math.Log1p(math.Pow(deviation/mean.Value, 2)))
	best := shape{distance: math.Inf(1)}
	for _, c := range []struct {
		name  string
		shape float64
		below func(x float64) float64 // of the mean 1
	}{
		{sim.Exponential, 0, func(x float64) float64 { return -math.Expm1(-x) }},
		{sim.TruncatedNormal, 0, truncatedNormal},
		{sim.Lognormal, sigma, func(x float64) float64 { return phi((math.Log(x) + sigma*sigma/2) / sigma) }},
		{sim.Constant, 0, func(x float64) float64 {
			if x < 1 {
				return 0
			}
			return 1
		}},
	} {
		if c.name == sim.Lognormal && !(sigma > 0) {
			continue
		}
		distance := 0.0
		for i, v := range sample {
			p := c.below(v / mean.Value)
			n := float64(len(sample))
			distance = max(distance, p-float64(i)/n, float64(i+1)/n-p)
		}
		if distance < best.distance {
			best = shape{sim.Work{Distribution: c.name, Shape: c.shape}, distance}
		}
	}
	best.work.Mean = time.Duration(mean.Value * float64(time.Second))
	return best
}

func phi(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

// cut is the mean of a normal of mean 1 and deviation 1 above 0, which is what
// is left of Prequal's work.
var cut = 1 + math.Exp(-0.5)/math.Sqrt(2*math.Pi)/phi(1)

func truncatedNormal(x float64) float64 { return 1 - phi(1-cut*x)/phi(1) }
