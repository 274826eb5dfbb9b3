package predict

import (
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

// Curves writes the answer to load of each endpoint of f; dst has one entry
// per endpoint. Only Outcome networks have curves. An endpoint whose latency,
// capacity or load is not in the frame gets one that is not Known. Errors:
// ErrNoNetwork, ErrSchema, ErrNotFinite.
func (p *Predictor) Curves(dst []Curve, f *features.Frame) error {
	switch {
	case p.routing == nil:
		return fmt.Errorf("%w: it was trained without a routing network", ErrNoNetwork)
	case p.model.Routing.Kind != model.Outcome:
		return fmt.Errorf("%w: its %s network knows no load", ErrNoNetwork, p.model.Routing.Kind)
	case len(dst) != len(f.Endpoints):
		return fmt.Errorf("predict: room for %d curves of %d endpoints", len(dst), len(f.Endpoints))
	}
	if err := p.fits(f); err != nil {
		return err
	}
	at, err := p.physics.find(f)
	if err != nil {
		return err
	}
	x, err := p.routing.scaled(f)
	if err != nil {
		return err
	}
	out, err := p.routing.run(x)
	if err != nil {
		return err
	}
	bounds := p.model.Routing.Bounds
	if bounds == (model.Bounds{}) {
		bounds = model.DefaultBounds()
	}
	for i := range dst {
		row := f.Row(i)
		ref, capacity, now := float64(row[at[0]]), float64(row[at[1]]), float64(row[at[2]])
		if math.IsInf(ref, 0) || math.IsInf(capacity, 0) || math.IsInf(now, 0) {
			return fmt.Errorf("%w: %s/%s has latency_ref_seconds %v, capacity_rps %v, load_now %v", ErrNotFinite, f.Service, f.Endpoints[i].Name, ref, capacity, now)
		}
		dst[i] = Curve{}
		if ref > 0 && capacity > 0 && now >= 0 { // false for NaN
			dst[i] = curve(out[i*model.OutcomeOutputs:][:model.OutcomeOutputs], bounds)
			dst[i].Known, dst[i].Ref, dst[i].Capacity, dst[i].Now = true, ref, capacity, now
		}
	}
	return nil
}

// curve gives the outputs of the outcome network their meaning.
func curve(o []float32, bounds model.Bounds) Curve {
	c := Curve{Low: bounds.Low, High: bounds.High}
	for k := range c.Coef {
		c.Coef[k] = softplus(float64(o[k]))
	}
	c.Err0, c.Err1 = float64(o[5]), softplus(float64(o[6]))
	c.Mid = math.Exp(2 * math.Tanh(float64(o[7])/2))
	c.Tail90, c.Tail99 = 1+softplus(float64(o[8])), 1+softplus(float64(o[9]))
	return c
}

func (p *Predictor) outcomes(dst []Prediction, f *features.Frame, load []float64) error {
	for i, l := range load {
		if math.IsNaN(l) || math.IsInf(l, 0) || l < 0 {
			return fmt.Errorf("%w: load of %s/%s is %v; want requests/s", ErrNotFinite, f.Service, f.Endpoints[i].Name, l)
		}
	}
	p.curves = resize(p.curves, len(dst))
	if err := p.Curves(p.curves, f); err != nil {
		return err
	}
	for i := range dst {
		c := &p.curves[i]
		at := c.Now * c.Capacity
		if load != nil {
			at = load[i]
		}
		dst[i] = c.Predict(at)
		if !c.Known {
			dst[i] = nothing
		}
	}
	return nil
}

// nothing is the prediction for an endpoint of which nothing is known.
var nothing = Prediction{Mean: math.NaN(), P50: math.NaN(), P90: math.NaN(), P99: math.NaN(), ErrorRatio: math.NaN(), Preference: math.NaN()}
