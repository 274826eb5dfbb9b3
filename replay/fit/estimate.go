package fit

import (
	"math"
	"slices"
)

// mean and the standard error of the mean.
func meanOf(x []float64) Estimate {
	if len(x) == 0 {
		return Estimate{math.NaN(), math.NaN()}
	}
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	mean, square := sum/float64(len(x)), 0.0
	for _, v := range x {
		square += (v - mean) * (v - mean)
	}
	return Estimate{mean, math.Sqrt(square / float64(len(x)-1) / float64(len(x)))}
}

// ratioOf is the ratio of two sums over windows, and its standard error by how
// much the windows differ from it (Cochran, Sampling Techniques, 6.3).
func ratioOf(above, below []float64) Estimate {
	a, b := 0.0, 0.0
	for i := range above {
		a, b = a+above[i], b+below[i]
	}
	if !(b > 0) {
		return Estimate{math.NaN(), math.NaN()}
	}
	ratio, square := a/b, 0.0
	for i := range above {
		d := above[i] - ratio*below[i]
		square += d * d
	}
	n := float64(len(above))
	return Estimate{ratio, math.Sqrt(square*n/(n-1)) / b}
}

// medianOf leaves out what is unknown.
func medianOf(x []float64) float64 {
	known := slices.DeleteFunc(slices.Clone(x), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(known) == 0 {
		return math.NaN()
	}
	slices.Sort(known)
	return known[len(known)/2]
}

// quantileOf is that of sorted numbers; NaN of none.
func quantileOf(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}
