package kernel

import (
	"errors"
	"fmt"
)

// Network is a chain of dense layers, packed for the forward pass. It has
// scratch memory of its own: one per goroutine.
type Network struct {
	layers []packed
	// x and y hold the inputs and outputs of the layer at work, padded to
	// whole panels, and active the inputs that are not zero.
	x, y   []float32
	active []input
}

// Pack copies layers into the order in which the forward pass reads them. It
// returns an error when they do not follow on each other or are not finite.
func Pack(layers []Layer) (*Network, error) {
	if len(layers) == 0 {
		return nil, errors.New("a network needs a layer")
	}
	n := &Network{}
	in, widest := layers[0].In, layers[0].In
	for i := range layers {
		if err := layers[i].check(in); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		p := pack(&layers[i])
		n.layers = append(n.layers, p)
		in, widest = p.out, max(widest, len(p.panels)*lanes)
	}
	n.x, n.y = make([]float32, widest), make([]float32, widest)
	n.active = make([]input, widest)
	return n, nil
}

// In returns the number of inputs of a row.
func (n *Network) In() int { return n.layers[0].in }

// Out returns the number of outputs of a row.
func (n *Network) Out() int { return n.layers[len(n.layers)-1].out }

// Forward runs the rows of x (rows × In) through the network into dst
// (rows × Out). It panics when the lengths do not agree. It allocates nothing.
func (n *Network) Forward(dst, x []float32) {
	in, out := n.In(), n.Out()
	if len(x)%in != 0 || len(dst) != len(x)/in*out {
		panic(fmt.Sprintf("kernel: %d inputs and %d outputs; want whole rows of %d and %d", len(x), len(dst), in, out))
	}
	for ; len(x) > 0; x, dst = x[in:], dst[out:] {
		n.row(dst[:out], x[:in])
	}
}

func (n *Network) row(dst, x []float32) {
	for i := range n.layers {
		l := &n.layers[i]
		y := n.y[:len(l.panels)*lanes]
		l.forward(y, gather(n.active, x))
		x, n.x, n.y = y[:l.out], n.y, n.x
	}
	copy(dst, x)
}
