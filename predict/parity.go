package predict

import (
	"errors"
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict/kernel"
)

// ErrParity says that a network does not answer as its weights say.
var ErrParity = errors.New("the compiled network does not answer as its weights say")

// Parity runs every network of the model over the rows of f in three ways, with the
// kernels that serve, with the portable ones, and as the definition of a network has
// it, in float64, and reports answers that are further apart than rounding explains.
// It is for a model before it serves. Errors: ErrParity, ErrSchema, ErrNotFinite.
func (p *Predictor) Parity(f *features.Frame) error {
	if len(f.Endpoints) == 0 {
		return nil
	}
	if err := p.fits(f); err != nil {
		return err
	}
	if n := p.model.Routing; n != nil {
		if err := p.routing.parity(f, n.Layers, n.Members); err != nil {
			return fmt.Errorf("routing network: %w", err)
		}
	}
	if h := p.model.Failure; h != nil {
		if err := p.failure.parity(f, h.Layers, nil); err != nil {
			return fmt.Errorf("failure network: %w", err)
		}
	}
	return nil
}

func (in *inputs) parity(f *features.Frame, layers []model.Layer, members [][]model.Layer) error {
	scaled, err := in.scaled(f)
	if err != nil {
		return err
	}
	x := whole(scaled, in.network.In())
	if err := compare(in.network, layers, x); err != nil {
		return err
	}
	for i, member := range in.members {
		if err := compare(member, members[i], x); err != nil {
			return fmt.Errorf("member %d: %w", i+1, err)
		}
	}
	return nil
}

// whole makes whole rows of x, which is not empty: a fixed5 network takes several
// endpoints as one.
func whole(x []float32, in int) []float32 {
	for len(x) < in {
		x = append(x[:len(x):len(x)], x...)
	}
	return x[:len(x)-len(x)%in]
}

func compare(n *kernel.Network, layers []model.Layer, x []float32) error {
	rows := len(x) / n.In()
	served, portable := make([]float32, rows*n.Out()), make([]float32, rows*n.Out())
	n.Forward(served, x)
	n.Portable().Forward(portable, x)
	for row := range rows {
		want, within := define(layers, x[row*n.In():(row+1)*n.In()])
		for i := range want {
			a, b := float64(served[row*n.Out()+i]), float64(portable[row*n.Out()+i])
			if a-a != 0 {
				return fmt.Errorf("%w: output %d of row %d is %v", ErrNotFinite, i, row, a)
			}
			if !(math.Abs(a-want[i]) <= within[i] && math.Abs(b-want[i]) <= within[i]) {
				return fmt.Errorf("%w: output %d of row %d is %v with %s, %v in Go, %v by definition", ErrParity, i, row, a, n.Kernels(), b, want[i])
			}
		}
	}
	return nil
}

// define is what layers make of a row, and what the rounding of float32 may change in
// that: of each sum, a unit in the last place of all that is added per addition (Higham,
// "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1), and what
// the errors of the layer before become.
func define(layers []model.Layer, row []float32) (y, within []float64) {
	const unit = 1.0 / (1 << 23)
	y, within = make([]float64, len(row)), make([]float64, len(row))
	for i, v := range row {
		y[i] = float64(v)
	}
	for _, l := range layers {
		next, off := make([]float64, l.Out), make([]float64, l.Out)
		for o := range next {
			sum := float64(l.B[o])
			size, carried := math.Abs(sum), 0.0
			for i := range l.In {
				w := float64(l.W[o*l.In+i])
				sum += w * y[i]
				size += math.Abs(w * y[i])
				carried += math.Abs(w) * within[i]
			}
			next[o], off[o] = sum, carried+unit*float64(l.In+1)*(size+carried)
			if l.ReLU {
				next[o] = max(sum, 0)
			}
		}
		y, within = next, off
	}
	return y, within
}
