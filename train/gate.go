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

// usualPart is the part of what was seen that the gate's limits leave inside.
const usualPart = 0.999

// gate sets the limits beyond which the network is not asked, and shows what
// they are worth.
func (f *fitting) gate(network *model.Network, skip map[string]bool, r *RoutingReport) (err error) {
	if network.Doubt, err = doubtOf(f.set, network, skip); err != nil {
		return err
	}
	if network.Kind != model.Outcome {
		return nil
	}
	network.Doubt.Spread = 1 // to see spreads as they are
	seen, err := f.doubted(datasets.Validation, skip)
	if err != nil {
		return err
	}
	network.Doubt.Spread = 0
	if len(network.Members) > 0 {
		network.Doubt.Spread = spreadLimit(seen)
	}
	for part, to := range map[datasets.Part]**Coverage{datasets.Validation: &r.ValidationCoverage, datasets.Test: &r.TestCoverage} {
		seen, err := f.doubted(part, skip)
		if err != nil {
			return err
		}
		*to = coverageOf(seen, f.random(streamBootstrap))
	}
	return nil
}

// doubtOf is what the training part says of how rows are spread, with the limit
// of their distance. Rare regimes may be in one part only: the limit leaves room
// for both.
func doubtOf(set *Set, n *model.Network, skip map[string]bool) (*model.Doubt, error) {
	at := make([]int, len(n.Columns))
	for i, name := range n.Columns {
		var err error
		if at[i], err = set.column(name); err != nil {
			return nil, err
		}
	}
	in := inputs{names: n.Columns, at: at, scaler: n.Scaler}
	each := func(part datasets.Part, visit func(x []float32)) {
		x := make([]float32, len(at))
		set.each(part, func(_ int, m *Moment) {
			for i := 0; i < len(m.Endpoints) && !skip[m.Service]; i++ {
				in.scaled(x, m.row(i, len(set.Columns)))
				visit(x)
			}
		})
	}
	m := newMoments(len(at))
	each(datasets.Train, m.add)
	whiten, err := m.whitening()
	if err != nil {
		return nil, err
	}
	d := &model.Doubt{Whiten: whiten, Distance: math.SmallestNonzeroFloat32}
	for _, part := range []datasets.Part{datasets.Train, datasets.Validation} {
		var rows []float32
		each(part, func(x []float32) { rows = append(rows, x...) })
		distances, err := predict.Distances(whiten, rows)
		if err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
		if slices.Sort(distances); len(distances) > 0 {
			d.Distance = math.Max(d.Distance, quantile(distances, usualPart))
		}
	}
	d.Latency, d.Capacity, err = spans(set, skip)
	return d, err
}

// spans are the latencies and capacities of nearly all rows in training.
func spans(set *Set, skip map[string]bool) (latency, capacity model.Span, err error) {
	a, err := anchorsOf(set)
	if err != nil {
		return latency, capacity, err
	}
	of := func(column int) (s model.Span) {
		var values []float64
		set.each(datasets.Train, func(_ int, m *Moment) {
			for i := 0; i < len(m.Endpoints) && !skip[m.Service]; i++ {
				if v := float64(m.row(i, len(set.Columns))[column]); v > 0 && !math.IsInf(v, 0) {
					values = append(values, v)
				}
			}
		})
		if slices.Sort(values); len(values) > 0 {
			s = model.Span{Low: quantile(values, 1-usualPart), High: quantile(values, usualPart)}
		}
		return s
	}
	return of(a.reference), of(a.capacity), nil
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

func (m *moments) add(x []float32) {
	m.n++
	for i, v := range x {
		m.sum[i] += float64(v)
		for j := i; j < len(x); j++ {
			m.products.SetSym(i, j, m.products.At(i, j)+float64(v)*float64(x[j]))
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

// A limit on the spread declines at most a tenth of what validation was like,
// and below usualPart only where fewTail decisions or more, from leastBlocks
// stretches of time, were predicted worse than persistence does.
const (
	mostDeclined = 0.1
	fewTail      = 30
)

// spreadLimit is the spread from which on the members are too far apart: where
// those beyond it would have been better served by persistence, else what hardly
// any decision of the validation part reaches.
func spreadLimit(list []doubted) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b doubted) int { return compareNumbers(a.doubt.Spread, b.doubt.Spread) })
	spreads := make([]float64, len(list))
	for i := range list {
		spreads[i] = list[i].doubt.Spread
	}
	limit := quantile(spreads, usualPart)
	worse, times := 0.0, map[int64]bool{}
	for i := len(list) - 1; float64(i) >= (1-mostDeclined)*float64(len(list)); i-- {
		worse += list[i].risk - list[i].persistence
		times[list[i].block] = true
		if len(list)-i >= fewTail && len(times) >= leastBlocks && worse > 0 {
			limit = list[i].doubt.Spread
		}
	}
	return limit
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
