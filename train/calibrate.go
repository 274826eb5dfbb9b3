package train

import (
	"cmp"
	"math"
	"slices"
)

// forecasted is a probability and what became of it.
type forecasted struct {
	p      float64
	failed bool
}

type pool struct{ n, sum, failed float64 }

// wilson is the 90 % score interval of a frequency y among n (Wilson, 1927).
func wilson(y, n float64) (low, high float64) {
	const z = 1.6449
	middle := (y + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(y*(1-y)/n+z*z/(4*n*n))
	return math.Max(0, middle-half), math.Min(1, middle+half)
}

// Reliable compares forecasts that are alike with what became of them. The
// 90 % interval is Wilson's, of as many failures as could be told apart.
type Reliable struct {
	Decisions int    `json:"decisions"`
	Failures  int    `json:"failures"`
	Forecast  Number `json:"forecast"`
	Observed  Number `json:"observed"`
	Low       Number `json:"low"`
	High      Number `json:"high"`
}

// reliableBins is how many groups of like forecasts are told at most.
const reliableBins = 10

// reliability parts the forecasts by their size into groups of about as many.
// Equal forecasts stay together; repeats is as of calibrate.
func reliability(list []forecasted, repeats float64) (bins []Reliable) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b forecasted) int { return cmp.Compare(a.p, b.p) })
	var one pool
	for i, f := range list {
		one.n, one.sum = one.n+1, one.sum+f.p
		if f.failed {
			one.failed++
		}
		last := i == len(list)-1
		if !last && (list[i+1].p == f.p || (i+1)*reliableBins < (len(bins)+1)*len(list)) {
			continue
		}
		y := one.failed / one.n
		low, high := wilson(y, math.Max(1, one.n/repeats))
		bins = append(bins, Reliable{int(one.n), int(one.failed), Number(one.sum / one.n), Number(y), Number(low), Number(high)})
		one = pool{}
	}
	return bins
}

// warned is the probability from which on calibration matters most.
const warned = 0.05

// calibrationError is the expected calibration error of forecasts from warned
// on: in tenths of them by size, the mean distance of the forecast from what
// came. NaN without any.
func calibrationError(list []forecasted) float64 {
	var some []forecasted
	for _, f := range list {
		if f.p >= warned {
			some = append(some, f)
		}
	}
	sum := 0.0
	for _, b := range reliability(some, 1) {
		sum += float64(b.Decisions) * math.Abs(float64(b.Forecast-b.Observed))
	}
	return sum / float64(len(some))
}

// brier is the mean squared error of the probabilities.
func brier(list []forecasted) float64 {
	sum := 0.0
	for _, f := range list {
		d := f.p
		if f.failed {
			d = 1 - f.p
		}
		sum += d * d
	}
	return sum / float64(len(list))
}

// auroc is the probability that a decision before a failure had the higher
// forecast; ties count half. NaN unless there are both kinds.
func auroc(list []forecasted) float64 {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b forecasted) int { return cmp.Compare(a.p, b.p) })
	var failed, quiet, won float64
	for i := 0; i < len(list); {
		var f, q float64
		j := i
		for ; j < len(list) && list[j].p == list[i].p; j++ {
			if list[j].failed {
				f++
			} else {
				q++
			}
		}
		won += f * (quiet + q/2)
		failed, quiet, i = failed+f, quiet+q, j
	}
	return won / (failed * quiet)
}
