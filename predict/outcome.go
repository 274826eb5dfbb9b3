package predict

import (
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

// Curves writes the answer to load of each endpoint of f; dst has one entry
// per endpoint. Only Outcome networks have curves. An endpoint whose latency,
// capacity or load is not in the frame gets one that is not Known.
//
// Trust, 0 to 1, is how much of the network's corrections of the mean latency is
// taken over: 0 is the formula of the queue alone. What it says of errors and
// quantiles is taken over whole, for there the formula says nothing. Errors:
// ErrNoNetwork, ErrSchema, ErrNotFinite.
func (p *Predictor) Curves(dst []Curve, f *features.Frame, trust float64) error {
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
	for i := range dst {
		a, known := AnchorsOf(f.Row(i), at)
		if !a.Finite() {
			return fmt.Errorf("%w: what the curve of %s/%s is made of: %+v", ErrNotFinite, f.Service, f.Endpoints[i].Name, a)
		}
		dst[i] = Curve{}
		if known {
			o := out[i*model.OutcomeOutputs:][:model.OutcomeOutputs]
			for k := range OutErrors { // the outputs before it are of the mean
				o[k] *= float32(trust)
			}
			dst[i] = Correct(&a, o, p.model.Routing.Bounds)
		}
	}
	return nil
}

func (p *Predictor) outcomes(dst []Prediction, f *features.Frame, load []float64) error {
	for i, l := range load {
		if math.IsNaN(l) || math.IsInf(l, 0) || l < 0 {
			return fmt.Errorf("%w: load of %s/%s is %v; want requests/s", ErrNotFinite, f.Service, f.Endpoints[i].Name, l)
		}
	}
	p.curves = resize(p.curves, len(dst))
	if err := p.Curves(p.curves, f, 1); err != nil {
		return err
	}
	for i := range dst {
		c := &p.curves[i]
		at := c.Now
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
