package train

import (
	"cmp"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/model"
)

// forecasted is a probability and what became of it.
type forecasted struct {
	p      float64
	failed bool
}

// calibrate fits a nondecreasing step function by pooling adjacent violators
// (Barlow et al., 1972; Zadrozny and Elkan, KDD 2002). Each pool is a knot:
// its mean forecast, its frequency, and a 90 % Wilson interval of that, for
// which repeats decisions that share one failure count as one. It is smoothed
// by one decision at the base rate, so no pool says 0 or 1.
func calibrate(list []forecasted, base, repeats float64) model.Calibration {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b forecasted) int { return cmp.Compare(a.p, b.p) })
	var c model.Calibration
	for _, q := range pools(list) {
		y := (q.failed + base) / (q.n + 1)
		low, high := wilson(y, math.Max(1, q.n/repeats))
		if k := len(c.Y); k > 0 { // smoothing must not turn the order round
			y, low, high = math.Max(y, c.Y[k-1]), math.Max(low, c.Low[k-1]), math.Max(high, c.High[k-1])
		}
		c.X, c.Y = append(c.X, q.sum/q.n), append(c.Y, y)
		c.Low, c.High = append(c.Low, math.Min(low, y)), append(c.High, math.Max(high, y))
	}
	return c
}

type pool struct{ n, sum, failed float64 }

// pools merges neighbours until their frequencies increase. Equal forecasts
// belong together from the start.
func pools(list []forecasted) []pool {
	var out []pool
	for i, f := range list {
		y := 0.0
		if f.failed {
			y = 1
		}
		if i > 0 && f.p == list[i-1].p {
			last := &out[len(out)-1]
			last.n, last.sum, last.failed = last.n+1, last.sum+f.p, last.failed+y
			continue
		}
		out = merged(out)
		out = append(out, pool{1, f.p, y})
	}
	return merged(out)
}

// merged pools the end of the list while it violates the order.
func merged(list []pool) []pool {
	for k := len(list) - 1; k > 0 && list[k-1].failed*list[k].n >= list[k].failed*list[k-1].n; k-- {
		a, b := list[k-1], list[k]
		list[k-1] = pool{a.n + b.n, a.sum + b.sum, a.failed + b.failed}
		list = list[:k]
	}
	return list
}

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
