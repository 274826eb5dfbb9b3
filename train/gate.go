package train

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// gate sets the limits beyond which the network is not asked, and shows what
// they are worth.
func (f *fitting) gate(network *model.Network, skip map[string]bool, r *RoutingReport) (err error) {
	if network.Doubt, err = doubtOf(f.set, network, skip); err != nil {
		return err
	}
	if network.Kind != model.Outcome {
		return nil
	}
	if len(network.Members) > 0 {
		if network.Doubt.Spread, err = f.spreadLimits(skip); err != nil {
			return err
		}
	}
	for _, part := range []datasets.Part{datasets.Validation, datasets.Test} {
		seen, err := f.doubted(part, skip)
		if err != nil {
			return err
		}
		switch part {
		case datasets.Validation:
			lower(network.Doubt.Spread, seen)
			r.ValidationCoverage = coverageOf(seen, f.random(streamBootstrap))
		default:
			r.TestCoverage = coverageOf(seen, f.random(streamBootstrap))
		}
	}
	return nil
}

// doubtOf is what the training part says of how rows are spread, with the limits
// of their distance. Rare regimes may be in one part only: the limits leave room
// for both.
func doubtOf(set *Set, n *model.Network, skip map[string]bool) (*model.Doubt, error) {
	in, err := earlierInputs(set, n.Columns, n.Scaler)
	if err != nil {
		return nil, err
	}
	x := []float32{}
	each := func(part datasets.Part, visit func(x []float32)) {
		set.each(part, func(_ int, m *Moment) {
			if skip[m.Service] {
				return
			}
			width := len(in.at)
			x = slices.Grow(x[:0], width*len(m.Endpoints))[:width*len(m.Endpoints)]
			for i := range m.Endpoints {
				in.scaled(x[i*width:(i+1)*width], m.row(i, len(set.Columns)))
			}
			visit(x)
		})
	}
	rows := newMoments(len(in.at))
	each(datasets.Train, rows.add)
	whiten, err := rows.whitening()
	if err != nil {
		return nil, err
	}
	d := &model.Doubt{Whiten: whiten}
	for _, part := range []datasets.Part{datasets.Train, datasets.Validation} {
		var reached usual
		var failed error
		each(part, func(x []float32) {
			distances, err := predict.Distances(whiten, x)
			if reached.add(distances); err != nil {
				failed = err
			}
		})
		if failed != nil {
			return nil, fmt.Errorf("train: %w", failed)
		}
		for n, limit := range reached.limits() {
			if n >= len(d.Distance) {
				d.Distance = append(d.Distance, limit)
			}
			d.Distance[n] = math.Max(d.Distance[n], limit)
		}
	}
	d.Latency, d.Capacity, err = spans(set, skip)
	return d, err
}

// spans are what most endpoints of a frame reached in training, of latency and of
// capacity.
func spans(set *Set, skip map[string]bool) (latency, capacity model.Span, err error) {
	a, err := anchorsOf(set)
	if err != nil {
		return latency, capacity, err
	}
	of := func(column int) (s model.Span) {
		var values, frame []float64
		set.each(datasets.Train, func(_ int, m *Moment) {
			frame = frame[:0]
			for i := 0; i < len(m.Endpoints) && !skip[m.Service]; i++ {
				if v := float64(m.row(i, len(set.Columns))[column]); v > 0 && !math.IsInf(v, 0) {
					frame = append(frame, v)
				}
			}
			if len(frame) > 0 {
				values = append(values, predict.OfMost(frame))
			}
		})
		if slices.Sort(values); len(values) > 0 {
			s = model.Span{Low: quantile(values, 0.01), High: quantile(values, 0.99)}
		}
		return s
	}
	return of(a.reference), of(a.capacity), nil
}

// spreadLimits look at the validation part: of what the members learned from they
// are sure.
func (f *fitting) spreadLimits(skip map[string]bool) (model.Limits, error) {
	j, err := judgeOf(f.set, f.model, skip)
	if err != nil {
		return nil, err
	}
	var reached usual
	f.set.each(datasets.Validation, func(_ int, m *Moment) {
		if skip[m.Service] || err != nil {
			return
		}
		spreads, costs := make([]predict.Spread, len(m.Endpoints)), []float64{}
		err = j.predictor.Disagreement(spreads, j.set.frame(m))
		for _, s := range spreads {
			if !math.IsNaN(s.Cost) {
				costs = append(costs, s.Cost)
			}
		}
		reached.add(costs)
	})
	if err != nil {
		return nil, fmt.Errorf("train: doubting: %w", err)
	}
	limits := reached.limits()
	for i := range limits {
		limits[i] = math.Max(limits[i], leastSpread)
	}
	return limits, nil
}

// leastSpread is no disagreement: members that all stayed the untrained network
// are equal but for rounding, of which a limit must not be made.
const leastSpread = 0.01

// mostSizes is up to how many endpoints limits differ.
const mostSizes = 8

// usual collects what most endpoints reach, by their number: of each frame also
// what most of fewer would have.
type usual [mostSizes][]float64

func (u *usual) add(values []float64) {
	scratch := make([]float64, 0, mostSizes)
	for size := 1; size <= min(len(values), mostSizes); size++ {
		scratch = scratch[:0]
		first := len(u[size-1]) // another one of each frame
		for i := range size {
			scratch = append(scratch, values[(first+i)%len(values)])
		}
		u[size-1] = append(u[size-1], predict.OfMost(scratch))
	}
}

// The limits leave usualPart of what was seen inside, and a margin: another day
// of the same service is never quite the same. fewTail values are needed
// beyond a quantile for it to be known; where there are fewer, values are taken
// to spread as a log-normal's do, of which usualDeviations lie inside.
const (
	usualPart       = 0.999
	usualDeviations = 3.09
	fewTail         = 3
	margin          = 1.25
)

// limits ends with the first size that no frame had.
func (u *usual) limits() (l model.Limits) {
	for _, values := range u {
		if len(values) == 0 {
			break
		}
		slices.Sort(values)
		limit := quantile(values, usualPart)
		if (1-usualPart)*float64(len(values)) < fewTail {
			middle := math.Max(quantile(values, 0.5), 1e-6)
			limit = math.Max(limit, middle*math.Pow(math.Max(quantile(values, 0.84)/middle, 1), usualDeviations))
		}
		l = append(l, math.Max(margin*limit, 1e-6)) // a limit is divided by
	}
	return l
}

// Limits of the spread are lowered where, of the decisions beyond, the network's
// choice was dearer than the observed shares: by more than chance over stretches
// of time, of which there are leastBlocks or more, and of at most a tenth of all
// decisions. How well costs were predicted there was rejected as a measure: where
// members are apart persistence is no better, and the choice still is.
const (
	mostDeclined = 0.1
	surely       = 1.645 // standard errors
)

// lower takes to the limits what list, which was judged by them, says; none goes
// below leastSpread.
func lower(limits model.Limits, list []doubted) {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b doubted) int { return cmp.Compare(a.doubt.Spread, b.doubt.Spread) })
	factor, saved := 1.0, map[int64]float64{} // by stretch of time
	for i := len(sorted) - 1; i >= 0 && float64(i) >= (1-mostDeclined)*float64(len(sorted)); i-- {
		if d := &sorted[i]; !math.IsNaN(d.saved) {
			saved[d.block] += d.saved
			if d.doubt.Spread > 0 && surelyBelowZero(saved) {
				factor = math.Min(factor, d.doubt.Spread)
			}
		}
	}
	if len(limits) > 0 {
		factor = math.Max(factor, math.Min(leastSpread/slices.Min(limits), 1))
	}
	for i := range limits {
		limits[i] *= factor
	}
	for i := range list {
		list[i].doubt.Spread /= factor
	}
}

func surelyBelowZero(sums map[int64]float64) bool {
	if len(sums) < leastBlocks {
		return false
	}
	n, sum, squares := float64(len(sums)), 0.0, 0.0
	for _, key := range slices.Sorted(maps.Keys(sums)) { // sums of floats depend on their order
		sum += sums[key]
		squares += sums[key] * sums[key]
	}
	deviation := math.Sqrt(math.Max(squares-sum*sum/n, 0) / (n - 1))
	return sum+surely*deviation*math.Sqrt(n) < 0
}
