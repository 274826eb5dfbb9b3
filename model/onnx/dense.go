package onnx

import (
	"errors"
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/model"
)

// Dense is a chain of dense layers, read from a file.
type Dense struct {
	Inputs int // values in a row
	// Scaler is how the network scales its own inputs, before the first layer;
	// nil when it does not. Low and High are not set: a file does not say what
	// was seen in training.
	Scaler *model.Scaler
	Layers []model.Layer
	// Tail is what the file does to the outputs of the last layer, Sigmoid or
	// Softmax, and the layers here do not.
	Tail string
	// Clipped says that scaled inputs are bounded as fairway bounds them. Where
	// a file does not, fairway and an ONNX runtime differ on what lies further
	// out than model.Clip.
	Clipped bool
}

// result returns what was read. With raw, what the network does to its inputs
// becomes the Scaler; else it becomes part of the first layer.
func (a *assembly) result(raw bool) (*Dense, error) {
	if a.pending != nil {
		return nil, errors.New("the network ends in a scaled Relu; want a dense layer as the last")
	}
	d := &Dense{Inputs: a.layers[0].in, Tail: a.tail, Clipped: a.clipped}
	own := a.imputed != nil || a.clipped
	switch {
	case a.front == nil && !own:
	case raw && a.front.positive():
		scaler, err := a.scaler()
		if err != nil {
			return nil, err
		}
		d.Scaler = scaler
	case own:
		return nil, errors.New("the network replaces or clips its scaled inputs, which cannot become part of a layer; let it take raw columns, by scales above 0")
	default:
		a.layers[0].absorb(a.front)
	}
	for _, l := range a.layers {
		w, err := narrow(l.w)
		b, errB := narrow(l.b)
		if err := errors.Join(err, errB); err != nil {
			return nil, fmt.Errorf("the layer of node %q: %w", short(l.name), err)
		}
		d.Layers = append(d.Layers, model.Layer{In: l.in, Out: l.out, ReLU: l.relu, W: w, B: b})
	}
	return d, nil
}

// positive reports whether all scales are above 0, as a Scaler's are. No scale
// is a scale of 1.
func (p *affine) positive() bool {
	if p != nil {
		for _, v := range p.scale {
			if !(v > 0) {
				return false
			}
		}
	}
	return true
}

// scaler writes scale·x + shift as (x − center) ÷ scale.
func (a *assembly) scaler() (*model.Scaler, error) {
	columns := a.layers[0].in
	if a.rows > 1 {
		columns /= a.rows // it comes before the rows are joined
	}
	center, scale, impute := make([]float64, columns), make([]float64, columns), make([]float64, columns)
	for i := range columns {
		by, shift := 1.0, 0.0
		if a.front != nil {
			by, shift = a.front.at(i)
		}
		center[i], scale[i] = 0-shift/by, 1/by
		impute[i] = center[i]
		if a.imputed != nil {
			impute[i] = a.imputed[min(i, len(a.imputed)-1)]
		}
	}
	s := &model.Scaler{}
	var errs [3]error
	s.Center, errs[0] = narrow(center)
	s.Scale, errs[1] = narrow(scale)
	s.Impute, errs[2] = narrow(impute)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("how the network scales its inputs: %w", err)
	}
	return s, nil
}

// narrow converts to the numbers of a model.
func narrow(values []float64) ([]float32, error) {
	narrowed := make([]float32, len(values))
	for i, v := range values {
		narrowed[i] = float32(v)
		if f := float64(narrowed[i]); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("parameter %d becomes %v; want numbers that float32 can hold", i, v)
		}
	}
	return narrowed, nil
}
