package contest

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/fairway-mesh/fairway/replay/finding"
)

// The method, in the words of the report.
const (
	intervalText   = "Student's t over the seeds"
	testText       = "paired t over the seeds, of the log-ratio for latencies and of the difference else (Student 1908; common random numbers: Law, Simulation Modeling and Analysis)"
	correctionText = "Holm (Scandinavian Journal of Statistics 1979) over each table"
)

// A paired t rather than an exact sign-flip permutation: with 10 seeds the
// least p of a permutation is 2/1024, which a table of more than 25
// comparisons could never call significant after Holm's correction.

// interval is the mean of the known values with its t interval; NaN bounds
// where fewer than two are known.
func interval(values []float64, level float64) (mean, low, high float64) {
	known := slices.DeleteFunc(slices.Clone(values), notFinite)
	nan := math.NaN()
	if len(known) == 0 {
		return nan, nan, nan
	}
	if len(known) == 1 {
		return known[0], nan, nan
	}
	mean, sd := moments(known)
	n := float64(len(known))
	half := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile((1+level)/2) * sd / math.Sqrt(n)
	return mean, mean - half, mean + half
}

// moments takes equal values for exactly equal: their mean may be off by a
// rounding, and then no two of them would be without spread.
func moments(x []float64) (mean, sd float64) {
	if slices.Min(x) == slices.Max(x) {
		return x[0], 0
	}
	return stat.MeanStdDev(x, nil)
}

func notFinite(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

// paired tests the differences, seed by seed, of an entry from the reference.
// p is 1 where both are the same, and NaN where nothing is known; pairs is in
// how many seeds both are known.
func paired(own, reference []float64, ratio bool, level float64) (c finding.Change, p float64, pairs int) {
	d := make([]float64, len(own))
	for i := range own {
		if d[i] = own[i] - reference[i]; ratio {
			d[i] = math.Log(own[i] / reference[i])
		}
	}
	mean, low, high := interval(d, level)
	known := slices.DeleteFunc(d, notFinite)
	p = math.NaN()
	if len(known) >= 2 {
		p = pValue(known)
	}
	if ratio {
		mean, low, high = math.Expm1(mean), math.Expm1(low), math.Expm1(high)
	}
	return finding.Change{Value: finding.Number(mean), Low: finding.Number(low), High: finding.Number(high), Relative: ratio}, p, len(known)
}

// same is how close two figures are one, as parts of a latency or otherwise.
const same = 1e-9

func pValue(d []float64) float64 {
	mean, sd := moments(d)
	if math.Abs(mean) < same {
		return 1
	}
	if sd == 0 {
		return 0
	}
	n := float64(len(d))
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}
	return 2 * t.CDF(-math.Abs(mean)/(sd/math.Sqrt(n)))
}

// conclusive reports whether so many seeds could show a difference at all:
// that all of them lean to the same side by chance must be as unlikely as the
// level asks. The t test takes normal differences for granted, which few seeds
// cannot bear out; six are needed for 95 %.
func conclusive(seeds int, level float64) bool {
	return math.Pow(2, float64(1-seeds)) <= 1-level
}

// holm corrects p values for how many there are; those that are unknown do
// not count.
func holm(p []float64) []float64 {
	var order []int
	out := make([]float64, len(p))
	for i := range p {
		if out[i] = p[i]; !math.IsNaN(p[i]) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	largest := 0.0
	for rank, i := range order {
		largest = max(largest, min(1, p[i]*float64(len(order)-rank)))
		out[i] = largest
	}
	return out
}
