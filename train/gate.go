package train

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

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
	in := inputs{names: n.Columns, at: make([]int, len(n.Columns)), scaler: n.Scaler}
	for i, name := range n.Columns {
		var err error
		if in.at[i], err = set.column(name); err != nil {
			return nil, err
		}
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
	j, err := newJudge(f.set, f.model, skip)
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
	return reached.limits(), nil
}

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

// The limits leave usualPart of what was seen inside. fewTail values are needed
// beyond a quantile for it to be known; where there are fewer, values are taken
// to spread as a log-normal's do, of which usualDeviations lie inside.
const (
	usualPart       = 0.999
	usualDeviations = 3.09
	fewTail         = 3
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
		l = append(l, math.Max(limit, 1e-6))
	}
	return l
}

// Limits of the spread are lowered where the decisions beyond, fewWorse or more
// from leastBlocks stretches of time but at most a tenth of all, would have been
// predicted better by persistence.
const (
	mostDeclined = 0.1
	fewWorse     = 30
)

// lower takes to the limits what list, which was judged by them, says.
func lower(limits model.Limits, list []doubted) {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b doubted) int { return compareNumbers(a.doubt.Spread, b.doubt.Spread) })
	factor, worse, times := 1.0, 0.0, map[int64]bool{}
	for i := len(sorted) - 1; i >= 0 && float64(i) >= (1-mostDeclined)*float64(len(sorted)); i-- {
		worse += sorted[i].risk - sorted[i].persistence
		times[sorted[i].block] = true
		if spread := sorted[i].doubt.Spread; len(sorted)-i >= fewWorse && len(times) >= leastBlocks && worse > 0 && spread > 0 {
			factor = math.Min(factor, spread)
		}
	}
	for i := range limits {
		limits[i] *= factor
	}
	for i := range list {
		list[i].doubt.Spread /= factor
	}
}

// moments sums rows and their products.
type moments struct {
	n        float64
	sum      []float64
	products *mat.SymDense
}

func newMoments(width int) *moments {
	return &moments{sum: make([]float64, width), products: mat.NewSymDense(width, nil)}
}

// add takes in rows.
func (m *moments) add(x []float32) {
	for width := len(m.sum); len(x) > 0; x = x[width:] {
		m.n++
		for i, v := range x[:width] {
			m.sum[i] += float64(v)
			for j := i; j < width; j++ {
				m.products.SetSym(i, j, m.products.At(i, j)+float64(v)*float64(x[j]))
			}
		}
	}
}

// A column that hardly varied counts as leastDeviation wide, in scaled units,
// and a direction that never varied as having leastVariance of the correlations:
// else the least rounding there would be the greatest distance.
const (
	leastDeviation = 0.1
	leastVariance  = 0.01
)

// whitening maps rows to their principal components, each brought to variance 1.
func (m *moments) whitening() (model.Layer, error) {
	width := len(m.sum)
	mean, deviation := make([]float64, width), make([]float64, width)
	for i := range mean {
		mean[i] = m.sum[i] / m.n
		deviation[i] = math.Max(math.Sqrt(math.Max(m.products.At(i, i)/m.n-mean[i]*mean[i], 0)), leastDeviation)
	}
	correlation := mat.NewSymDense(width, nil)
	for i := range mean {
		for j := i; j < width; j++ {
			correlation.SetSym(i, j, (m.products.At(i, j)/m.n-mean[i]*mean[j])/(deviation[i]*deviation[j]))
		}
	}
	var eigen mat.EigenSym
	if m.n == 0 || !eigen.Factorize(correlation, true) {
		return model.Layer{}, fmt.Errorf("train: the correlations of %d inputs over %v rows cannot be decomposed", width, m.n)
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	layer := model.Layer{In: width, Out: width, W: make([]float32, width*width), B: make([]float32, width)}
	for k, value := range eigen.Values(nil) {
		long, shift := math.Sqrt(math.Max(value, 0)+leastVariance), 0.0
		for i := range mean {
			w := vectors.At(i, k) / (long * deviation[i])
			layer.W[k*width+i] = float32(w)
			shift -= w * mean[i]
		}
		layer.B[k] = float32(shift)
	}
	return layer, nil
}

func compareNumbers(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
