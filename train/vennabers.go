package train

import (
	"cmp"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/model"
)

// calibrating is a decision of the calibration block: the network's forecast,
// what became of it, and how much traffic there was.
type calibrating struct {
	forecasted
	requests float64 // of the window; NaN unknown
}

// knots is how many groups of like forecasts a calibration tells apart.
const knots = 256

// vennAbers calibrates as Vovk and Petej do (UAI 2014): a nondecreasing function
// is fitted to what came (isotonic regression, by pooling adjacent violators)
// once as if the decision at hand had been among it and had not failed, and once
// as if it had. The truth is between the two; the probability that is told is
// the one that is least wrong of either, p1/(1−p0+p1). Decisions that share one
// failure are repeats of each other, and count as one.
//
// Forecasts are put into groups of like ones first, each with as large a part of
// the decisions and of the failures that are forecast as any other: which costs
// little, and makes the number of fits small.
func vennAbers(list []calibrating, repeats float64) model.Calibration {
	groups := grouped(list, repeats)
	var c model.Calibration
	for g := range groups {
		x := min(groups[g].sum/groups[g].n, 1)
		if k := len(c.X); k > 0 && x <= c.X[k-1] { // they differ by rounding only
			continue
		}
		p0, p1 := isotonicAt(groups, g, 0), isotonicAt(groups, g, 1)
		y := p1 / (1 - p0 + p1)
		if k := len(c.Y); k > 0 { // rounding must not turn the order round
			p0, y, p1 = math.Max(p0, c.Low[k-1]), math.Max(y, c.Y[k-1]), math.Max(p1, c.High[k-1])
		}
		c.X, c.Y = append(c.X, x), append(c.Y, y)
		c.Low, c.High = append(c.Low, math.Min(p0, y)), append(c.High, math.Max(p1, y))
	}
	return c
}

// grouped parts the forecasts by their size. Equal ones stay together.
func grouped(list []calibrating, repeats float64) []pool {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b calibrating) int { return cmp.Compare(a.p, b.p) })
	total := 0.0
	for i := range list {
		total += list[i].p
	}
	var groups []pool
	var one pool
	reached := 0.0
	for i, f := range list {
		one.n, one.sum = one.n+1, one.sum+f.p
		if f.failed {
			one.failed++
		}
		reached += 0.5 / float64(len(list))
		if total > 0 {
			reached += 0.5 * f.p / total
		}
		last := i == len(list)-1
		if !last && (list[i+1].p == f.p || reached*knots < float64(len(groups)+1)) {
			continue
		}
		groups = append(groups, pool{one.n / repeats, one.sum / repeats, one.failed / repeats})
		one = pool{}
	}
	return groups
}

// isotonicAt is the value at group g of the nondecreasing function that is
// nearest to the frequencies of all groups, with one more decision in g, of
// which a part failed.
func isotonicAt(groups []pool, g int, failed float64) float64 {
	type block struct {
		n, failed float64
		last      int // group
	}
	blocks := make([]block, 0, len(groups))
	for i, q := range groups {
		b := block{q.n, q.failed, i}
		if i == g {
			b.n, b.failed = b.n+1, b.failed+failed
		}
		for k := len(blocks) - 1; k >= 0 && blocks[k].failed*b.n >= b.failed*blocks[k].n; k-- {
			b.n, b.failed = b.n+blocks[k].n, b.failed+blocks[k].failed
			blocks = blocks[:k]
		}
		blocks = append(blocks, b)
	}
	for _, b := range blocks {
		if b.last >= g {
			return b.failed / b.n
		}
	}
	return math.NaN() // there is no such group
}

// classFailures is how many failures a class of traffic needs for a calibration
// of its own, and classes how many there are at most.
const classFailures, classes = 200, 3

// byTraffic are the calibrations of classes of endpoints by the requests of a
// window: as many failures in each, and none where there are too few for two.
func byTraffic(list []calibrating, repeats float64) []model.Class {
	var busy []float64 // requests before failures
	for _, f := range list {
		if f.failed && f.requests >= 0 {
			busy = append(busy, f.requests)
		}
	}
	n := min(int(float64(len(busy))/repeats/classFailures), classes)
	if n < 2 {
		return nil
	}
	slices.Sort(busy)
	var out []model.Class
	for k := range n {
		from := 0.0
		if k > 0 {
			from = math.Round(quantile(busy, float64(k)/float64(n)))
		}
		if k > 0 && from <= out[len(out)-1].Requests {
			continue // one number of requests is that of most
		}
		out = append(out, model.Class{Requests: from})
	}
	for k := range out {
		to := math.Inf(1)
		if k+1 < len(out) {
			to = out[k+1].Requests
		}
		var own []calibrating
		for _, f := range list {
			if f.requests >= out[k].Requests && f.requests < to {
				own = append(own, f)
			}
		}
		out[k].Calibration = vennAbers(own, repeats)
	}
	return out
}

// timeFailures is how many decisions before failures the levels of the time
// need.
const timeFailures = 30

// timeLevels are the quantiles of the network's time below which 10, 50 and 90 %
// of the failures came; elapsed is where each came. Too few tell nothing.
func timeLevels(elapsed []float64) [3]float64 {
	n := len(elapsed)
	if n < timeFailures {
		return [3]float64{}
	}
	slices.Sort(elapsed)
	at := func(rank float64) float64 { return elapsed[min(max(int(rank), 1), n)-1] }
	m := float64(n + 1) // the one to come is as likely to have any rank as those that came
	return [3]float64{at(math.Floor(0.1 * m)), at(math.Ceil(0.5 * m)), at(math.Ceil(0.9 * m))}
}
