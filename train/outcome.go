package train

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// mostRequests is the count beyond which an average deserves no more weight.
const mostRequests = 400

// anchors are the columns that an outcome is relative to.
type anchors struct {
	at                  []int // of predict.AnchorColumns
	reference, capacity int
}

func anchorsOf(set *Set) (a anchors, err error) {
	for name, at := range map[string]*int{"latency_ref_seconds": &a.reference, "capacity_rps": &a.capacity} {
		if *at, err = set.column(name); err != nil {
			return a, err
		}
	}
	for _, name := range predict.AnchorColumns() {
		at, err := set.column(name)
		if err != nil {
			return a, err
		}
		a.at = append(a.at, at)
	}
	return a, nil
}

// target is what the horizon says of endpoint i; false when it says nothing
// or the endpoint has no curve.
func (a *anchors) target(m *Moment, i, columns int) ([outcomeTargets]float32, bool) {
	var t [outcomeTargets]float32
	after := &m.After[i]
	known, ok := predict.AnchorsOf(m.row(i, columns), a.at)
	if !ok || !known.Finite() || !(after.Requests > 0 && after.Rate >= 0) {
		return t, false
	}
	t = [outcomeTargets]float32{
		targetLoad: float32(after.Rate), targetNow: float32(known.Load), targetReference: float32(math.Log(known.Reference)),
		targetCapacity: float32(known.Capacity), targetConcurrency: float32(known.Concurrency), targetWaiting: float32(known.Waiting),
		targetHorizon: float32(known.Horizon), targetOdds: float32(known.Logit()), targetExcess: float32(known.Excess),
	}
	for k, latency := range [4]float64{after.Mean, after.P50, after.P90, after.P99} {
		t[targetMean+k] = float32(math.NaN())
		if latency > 0 {
			t[targetMean+k] = float32(math.Log(latency))
		}
	}
	t[targetErrors] = float32(after.ErrorRatio)
	t[targetWeight] = float32(math.Sqrt(math.Min(after.Requests, mostRequests)))
	return t, t[targetMean] == t[targetMean] || t[targetErrors] == t[targetErrors]
}

// outcomeRows are the rows of one part, of the services that can be learned
// from. Weights are divided by scale, or by their mean when it is 0.
func outcomeRows(set *Set, in *inputs, a *anchors, part datasets.Part, skip map[string]bool, scale float64) (rows, float64) {
	r := rows{in: len(in.names), targets: outcomeTargets, group: 1, pad: make([]float32, outcomeTargets)}
	x := make([]float32, len(in.names))
	sum := 0.0
	set.each(part, func(h int, m *Moment) {
		r.begin(h, m.Time, set.timing(h))
		for i := range m.Endpoints {
			t, ok := a.target(m, i, len(set.Columns))
			if !ok || skip[m.Service] {
				continue
			}
			in.scaled(x, m.row(i, len(set.Columns)))
			t[targetWeight] *= float32(m.weight())
			r.add(x, t[:])
			r.from(m, i)
			sum += float64(t[targetWeight])
		}
	})
	if scale == 0 && r.groups() > 0 {
		scale = sum / float64(r.groups())
	}
	for i := targetWeight; i < len(r.target); i += outcomeTargets {
		r.target[i] /= float32(scale)
	}
	return r, scale
}

// outcomeTask prepares the outcome network. Its untrained form is
// predict.Formula, with the usual tails of the training part.
func outcomeTask(set *Set, columns []column, skip map[string]bool, cfg Config, random *rand.Rand) (task, *model.Network, error) {
	in, err := cfg.inputs(set, columns, features.Outcome(), false)
	if err != nil {
		return task{}, nil, err
	}
	a, err := anchorsOf(set)
	if err != nil {
		return task{}, nil, err
	}
	t := task{stage: "routing", loss: curve{model.DefaultBounds()}, dropped: droppedLayers}
	var scale float64
	t.train, scale = outcomeRows(set, &in, &a, datasets.Train, skip, 0)
	t.validation, _ = outcomeRows(set, &in, &a, datasets.Validation, skip, scale)
	t.begin = func(random *rand.Rand, width int) []model.Layer {
		layers := initial(random, hidden(width, len(in.names), model.OutcomeOutputs)...)
		usualTails(layers[len(layers)-1].B[predict.OutMid:], &t.train)
		return layers
	}
	t.layers = t.begin(random, cfg.Width)
	n := &model.Network{Kind: model.Outcome, Columns: in.names, Scaler: in.scaler, Bounds: model.DefaultBounds()}
	return t, n, nil
}

// usualTails sets the biases of the three outputs for p50, p90 and p99 to the
// medians of their ratios in training.
func usualTails(b []float32, r *rows) {
	between := func(upper, lower int, otherwise float64) float64 {
		var ratios []float64
		for i := 0; i < len(r.target); i += outcomeTargets {
			if d := float64(r.target[i+upper] - r.target[i+lower]); !math.IsNaN(d) {
				ratios = append(ratios, d)
			}
		}
		if len(ratios) == 0 {
			return otherwise
		}
		slices.Sort(ratios)
		return quantile(ratios, 0.5)
	}
	middle := between(targetP50, targetMean, math.Log(math.Ln2)) // an exponential's, where nothing is known
	b[0] = float32(2 * math.Atanh(math.Min(math.Max(middle/2, -0.9), 0.9)))
	for k, upper := range [2]int{targetP90, targetP99} {
		grown := math.Expm1(between(upper, upper-1, math.Log(2)))
		b[1+k] = float32(softplusInverse(math.Max(grown, 0.01)))
	}
}
