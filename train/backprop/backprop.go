// Package backprop is training written out by hand: forward, backward and
// Adam, without a graph. It is the oracle of train, whose weights must be
// equal to its own to the bit after any number of steps, and the yardstick of
// train's speed. It shares no code with train but the loss and the BLAS.
package backprop

import (
	"fmt"

	"gonum.org/v1/gonum/blas"

	"github.com/fairway-mesh/fairway/model"
)

// Loss returns the sum over the rows of a batch and writes its derivative by
// each output to grad, which comes in as zeros.
type Loss func(out, target, grad []float32) float64

// Network is a network and what training it needs, for batches of a fixed
// number of rows. The caller fills X, Target and Masks before each Step. Not
// for concurrent use.
type Network struct {
	X, Target []float32
	Masks     [][]float32 // of each hidden layer, rows × units: what its outputs are multiplied by
	layers    []layer
	loss      Loss
	groups    float32
	rows      int
	blas      blas.Float32
	adam      adam
}

// layer is a dense layer. Weights are inputs × units.
type layer struct {
	in, units    int
	relu         bool
	w, b         []float32
	wGrad, bGrad []float32
	out, grad    []float32 // rows × units; the derivative by out, then by what went into the ReLU
}

// New starts from a copy of layers. A batch has groups × group rows, of
// targets values each; the loss is its mean over the groups. rate is Adam's.
func New(layers []model.Layer, loss Loss, targets, groups, group int, b blas.Float32, rate float64) (*Network, error) {
	if len(layers) == 0 || groups < 1 || group < 1 {
		return nil, fmt.Errorf("backprop: %d layers, %d groups of %d rows; want at least one of each", len(layers), groups, group)
	}
	rows := groups * group
	n := &Network{loss: loss, groups: float32(groups), rows: rows, blas: b, adam: adam{rate: rate, power1: 1, power2: 1}}
	n.X, n.Target = make([]float32, rows*layers[0].In), make([]float32, rows*targets)
	for _, l := range layers {
		own := layer{in: l.In, units: l.Out, relu: l.ReLU, w: make([]float32, l.In*l.Out), b: append([]float32(nil), l.B...)}
		for i := range l.In {
			for o := range l.Out {
				own.w[i*l.Out+o] = l.W[o*l.In+i]
			}
		}
		own.wGrad, own.bGrad = make([]float32, len(own.w)), make([]float32, l.Out)
		own.out, own.grad = make([]float32, rows*l.Out), make([]float32, rows*l.Out)
		if l.ReLU {
			n.Masks = append(n.Masks, make([]float32, rows*l.Out))
		}
		n.adam.add(own.w, own.wGrad)
		n.adam.add(own.b, own.bGrad)
		n.layers = append(n.layers, own)
	}
	return n, nil
}

// Step learns from one batch and returns its mean loss. It allocates nothing
// if the BLAS does not.
func (n *Network) Step() float64 {
	loss := n.forward()
	n.backward()
	n.adam.step()
	return loss
}

// Layers copies the network out.
func (n *Network) Layers() []model.Layer {
	layers := make([]model.Layer, len(n.layers))
	for k, l := range n.layers {
		layers[k] = model.Layer{In: l.in, Out: l.units, ReLU: l.relu, W: make([]float32, len(l.w)), B: append([]float32(nil), l.b...)}
		for i := range l.in {
			for o := range l.units {
				layers[k].W[o*l.in+i] = l.w[i*l.units+o]
			}
		}
	}
	return layers
}

func (n *Network) forward() float64 {
	x := n.X
	for k := range n.layers {
		l := &n.layers[k]
		n.blas.Sgemm(blas.NoTrans, blas.NoTrans, n.rows, l.units, l.in, 1, x, l.in, l.w, l.units, 0, l.out, l.units)
		for r := range n.rows {
			out := l.out[r*l.units:][:l.units]
			if l.relu {
				activate(out, l.b, n.Masks[k][r*l.units:])
				continue
			}
			for i, b := range l.b {
				out[i] += b
			}
		}
		x = l.out
	}
	last := &n.layers[len(n.layers)-1]
	clear(last.grad)
	loss := n.loss(last.out, n.Target, last.grad) / float64(n.groups)
	for i := range last.grad {
		last.grad[i] /= n.groups
	}
	return loss
}

func (n *Network) backward() {
	for k := len(n.layers) - 1; k >= 0; k-- {
		l := &n.layers[k]
		clear(l.bGrad)
		for r := range n.rows {
			grad := l.grad[r*l.units:][:l.units]
			if l.relu {
				deactivate(grad, l.out[r*l.units:], n.Masks[k][r*l.units:])
			}
			n.blas.Saxpy(l.units, 1, grad, 1, l.bGrad, 1)
		}
		x := n.X
		if k > 0 {
			below := &n.layers[k-1]
			x = below.out
			n.blas.Sgemm(blas.NoTrans, blas.Trans, n.rows, l.in, l.units, 1, l.grad, l.units, l.w, l.units, 0, below.grad, l.in)
		}
		n.blas.Sgemm(blas.Trans, blas.NoTrans, l.in, l.units, n.rows, 1, x, l.in, l.grad, l.units, 0, l.wGrad, l.units)
	}
}
