package kernel

import (
	"errors"
	"fmt"
)

// block is how many rows go through a layer before the next: so few that they
// stay in the first cache, so many that the weights, which may not, come from
// the second seldom. It is a multiple of the six rows that are computed at a
// time.
const block = 24

// fewRows go one by one: below, skipping zeros wins more than sharing weights.
const fewRows = 4

// Network is a chain of dense layers, packed for the forward pass. It has
// scratch memory of its own: one per goroutine.
type Network struct {
	layers []packed
	vector bool // whether the vector kernels run
	// x and y hold the inputs and outputs of the layer at work for a block of
	// rows, padded to whole panels, and active a row's inputs that are not 0.
	x, y   []float32
	active active
}

// Pack copies layers into the order in which the forward pass reads them. It
// returns an error when they do not follow on each other or are not finite.
func Pack(layers []Layer) (*Network, error) {
	if len(layers) == 0 {
		return nil, errors.New("a network needs a layer")
	}
	n := &Network{vector: vector}
	in := layers[0].In
	for i := range layers {
		if err := layers[i].check(in); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		p := pack(&layers[i])
		n.layers = append(n.layers, p)
		in = p.out
	}
	n.scratch()
	return n, nil
}

// scratch gives the network memory of its own.
func (n *Network) scratch() {
	widest := 0
	for i := range n.layers {
		widest = max(widest, n.layers[i].padded())
	}
	n.x, n.y = make([]float32, block*widest), make([]float32, block*widest)
	n.active = newActive(max(n.In(), widest))
}

// Portable returns a network with the same weights that uses no vector kernels,
// as all do on a processor without AVX2 and FMA: its answers are the same within
// rounding. It is there to be compared with.
func (n *Network) Portable() *Network {
	p := &Network{layers: n.layers}
	p.scratch()
	return p
}

// Kernels names what the network runs on: "AVX-512" (calls of several rows; AVX2
// for one), "AVX2" or "Go".
func (n *Network) Kernels() string {
	switch {
	case n.vector && wide:
		return "AVX-512"
	case n.vector:
		return "AVX2"
	}
	return "Go"
}

// In returns the number of inputs of a row.
func (n *Network) In() int { return n.layers[0].in }

// Out returns the number of outputs of a row.
func (n *Network) Out() int { return n.layers[len(n.layers)-1].out }

// Forward runs the rows of x (rows × In) through the network into dst
// (rows × Out). It panics when the lengths do not agree. It allocates nothing.
// What a row answers does not depend on the others, to the bit.
func (n *Network) Forward(dst, x []float32) {
	in, out := n.In(), n.Out()
	if len(x)%in != 0 || len(dst) != len(x)/in*out {
		panic(fmt.Sprintf("kernel: %d inputs and %d outputs; want whole rows of %d and %d", len(x), len(dst), in, out))
	}
	if n.vector {
		for rows := len(x) / in; rows >= fewRows; rows = len(x) / in {
			rows = min(rows, block)
			n.rows(dst[:rows*out], x[:rows*in], rows)
			x, dst = x[rows*in:], dst[rows*out:]
		}
	}
	for ; len(x) > 0; x, dst = x[in:], dst[out:] {
		n.row(dst[:out], x[:in])
	}
}

func (n *Network) row(dst, x []float32) {
	for i := range n.layers {
		l := &n.layers[i]
		if n.vector {
			l.row(n.y, x, &n.active)
		} else {
			l.rowInGo(n.y, x, &n.active)
		}
		x, n.x, n.y = n.y, n.y, n.x
	}
	copy(dst, x)
}

func (n *Network) rows(dst, x []float32, rows int) {
	xRow := n.In()
	for i := range n.layers {
		l := &n.layers[i]
		l.rows(n.y, l.padded(), x, xRow, rows)
		x, xRow, n.x, n.y = n.y, l.padded(), n.y, n.x
	}
	for out := n.Out(); len(dst) > 0; dst, x = dst[out:], x[min(xRow, len(x)):] {
		copy(dst[:out], x)
	}
}
