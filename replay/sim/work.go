package sim

import (
	"cmp"
	"math"
	"math/rand/v2"
	"time"
)

// The distributions of work.
const (
	Exponential     = "exponential"
	TruncatedNormal = "truncated_normal"
	Pareto          = "pareto"
	Lognormal       = "lognormal"
	Constant        = "constant"
)

// Work is what a request needs of one worker of speed 1, as time.
type Work struct {
	Distribution string `yaml:"distribution"`
	// Mean is that of what is drawn, for every distribution. That of Prequal's
	// testbed, a normal one with deviation = mean and cut off below 0, has after
	// the cut a mean of 1.288 times the one before.
	Mean time.Duration `yaml:"mean"`
	// Shape is that of pareto (default 1.5), or the deviation of the logarithm
	// of lognormal (default 1).
	Shape float64 `yaml:"shape"`
	// Bound cuts pareto off at so many times its least value; 0: not at all.
	Bound float64 `yaml:"bound"`
}

// afterCut is the mean of a normal of mean 1 and deviation 1 above 0.
var afterCut = 1 + math.Exp(-0.5)/math.Sqrt(2*math.Pi)/(0.5*math.Erfc(-1/math.Sqrt2))

// sampler draws work in seconds.
type sampler func(r *rand.Rand) float64

func (w Work) sampler() sampler {
	mean := w.Mean.Seconds()
	switch w.Distribution {
	case TruncatedNormal:
		normal := mean / afterCut
		return func(r *rand.Rand) float64 {
			for {
				if z := 1 + r.NormFloat64(); z > 0 {
					return normal * z
				}
			}
		}
	case Pareto:
		return w.pareto(mean)
	case Lognormal:
		center := math.Log(mean) - w.Shape*w.Shape/2
		return func(r *rand.Rand) float64 { return math.Exp(center + w.Shape*r.NormFloat64()) }
	case Constant:
		return func(*rand.Rand) float64 { return mean }
	}
	return func(r *rand.Rand) float64 { return mean * r.ExpFloat64() }
}

// pareto inverts the distribution function, of which a bound cuts the end off
// and scales the rest up.
func (w Work) pareto(mean float64) sampler {
	a, kept, ratio := w.Shape, 1.0, w.Shape/(w.Shape-1) // ratio of the mean to the least value
	if w.Bound > 0 {
		kept = 1 - math.Pow(w.Bound, -a)
		if a == 1 {
			ratio = math.Log(w.Bound) / kept
		} else {
			ratio = a / (a - 1) * (1 - math.Pow(w.Bound, 1-a)) / kept
		}
	}
	least := mean / ratio
	return func(r *rand.Rand) float64 { return least * math.Pow(1-kept*r.Float64(), -1/a) }
}

func (w *Work) defaults(like Work) {
	if w.Distribution == "" {
		mean := w.Mean
		*w = like
		w.Mean = cmp.Or(mean, like.Mean)
	}
	if w.Mean == 0 {
		w.Mean = like.Mean
	}
	if w.Shape == 0 {
		switch w.Distribution {
		case Pareto:
			w.Shape = 1.5
		case Lognormal:
			w.Shape = 1
		}
	}
}

func (w Work) check(p *problems, path string) {
	switch w.Distribution {
	case Exponential, TruncatedNormal, Pareto, Lognormal, Constant:
	default:
		p.add(path+".distribution", "is %q; use one of exponential, truncated_normal, pareto, lognormal, constant", w.Distribution)
	}
	p.check(w.Mean > 0, path+".mean", "is %v; want more than 0", w.Mean)
	p.check(w.Shape >= 0 && !math.IsInf(w.Shape, 0), path+".shape", "is %v; want a finite number of 0 or more", w.Shape)
	p.check(w.Bound == 0 || w.Bound > 1 && !math.IsInf(w.Bound, 0), path+".bound", "is %v; want more than 1, or 0 for none", w.Bound)
	p.check(w.Distribution != Pareto || w.Bound > 1 || w.Shape > 1, path+".shape", "is %v; without a bound there is no mean at 1 or below", w.Shape)
}
