package main

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/replay/report"
)

// calibration compares the mean latencies that a model predicts with those
// that came, at the loads that came: what a policy would have changed is
// another question.
type calibration struct {
	predictor *predict.Predictor // nil: the model has no routing network, and nothing is compared
	from      time.Time
	horizon   time.Duration
	answers   []foretold
	dst       []predict.Prediction
	load      []float64
}

// foretold is one endpoint in one window.
type foretold struct{ predicted, came, requests float64 }

// begin compares from a time on, over a horizon; nothing where the model has no
// network that predicts latencies.
func (c *calibration) begin(m *model.Model, from time.Time, horizon time.Duration) (err error) {
	*c = calibration{from: from, horizon: horizon}
	if m.Routing != nil && m.Routing.Kind == model.Outcome {
		c.predictor, err = predict.Compile(m)
	}
	return err
}

// watch passes the pairs on, and takes note of those that are judged.
func (c *calibration) watch(pairs iter.Seq2[datasets.Pair, error]) iter.Seq2[datasets.Pair, error] {
	return func(yield func(datasets.Pair, error) bool) {
		for p, err := range pairs {
			if err == nil && c.predictor != nil && !p.Frame.Time.Before(c.from) {
				c.note(&p)
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// fewRequests is below how many requests a mean latency is mostly chance.
const fewRequests = 10

func (c *calibration) note(p *datasets.Pair) {
	n := len(p.Frame.Endpoints)
	c.dst = slices.Grow(c.dst[:0], n)[:n]
	c.load = c.load[:0]
	for _, requests := range p.After.Requests {
		c.load = append(c.load, requests/c.horizon.Seconds())
	}
	if len(c.load) != n || slices.ContainsFunc(c.load, math.IsNaN) || c.predictor.Predict(c.dst, p.Frame, c.load) != nil {
		return // what cannot be predicted is the policies' affair: they decline
	}
	for i := range n {
		f := foretold{c.dst[i].Mean, p.After.At(i, mesh.LatencyMean), p.After.Requests[i]}
		if f.requests >= fewRequests && f.predicted > 0 && f.came > 0 {
			c.answers = append(c.answers, f)
		}
	}
}

// calibrationPoints is how many groups of like predictions are shown.
const calibrationPoints = 20

// points are groups of about as many requests each, from the least predicted to
// the most; none where too little was seen.
func (c *calibration) points() []report.CalibrationPoint {
	slices.SortFunc(c.answers, func(a, b foretold) int { return cmp.Compare(a.predicted, b.predicted) })
	total := 0.0
	for _, f := range c.answers {
		total += f.requests
	}
	if len(c.answers) < 10*calibrationPoints {
		return nil
	}
	var points []report.CalibrationPoint
	var sum foretold
	seen := 0.0
	for i, f := range c.answers {
		seen += f.requests
		sum.predicted += f.predicted * f.requests
		sum.came += f.came * f.requests
		sum.requests += f.requests
		if seen >= total*float64(len(points)+1)/calibrationPoints || i == len(c.answers)-1 {
			points = append(points, report.CalibrationPoint{Predicted: sum.predicted / sum.requests, Came: sum.came / sum.requests})
			sum = foretold{}
		}
	}
	return points
}
