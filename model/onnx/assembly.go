package onnx

import (
	"errors"
	"fmt"
)

// dense is a layer while it is read: W is Out × In, row by row.
type dense struct {
	in, out int
	w, b    []float64
	relu    bool
	name    string // of the node that it comes from
}

// affine is y = scale·x + shift, by column.
type affine struct{ scale, shift []float64 }

// assembly makes layers of a chain of nodes, read in order.
type assembly struct {
	x *index
	// What comes in has rank axes: rows (1, until they are joined) and width
	// columns, 0 while it is not known how many.
	rank, rows, width int

	imputed []float64 // what stands for NaN, nil when nothing does
	front   *affine   // before the first layer
	clipped bool      // and after that
	layers  []*dense
	pending *affine // to be folded into the next layer
	tail    string  // Sigmoid or Softmax
}

// assemble reads the chain that ends in the named output.
func (x *index) assemble(output string) (*assembly, error) {
	in, chain, err := x.chain(output)
	if err != nil {
		return nil, err
	}
	a := &assembly{x: x, rank: 2, rows: 1}
	if in.shape {
		if err := a.begin(in); err != nil {
			return nil, fmt.Errorf("input %q: %w", short(in.name), err)
		}
	}
	for _, n := range chain {
		if err := a.read(n); err != nil {
			return nil, err
		}
	}
	switch l := a.last(); {
	case l == nil:
		return nil, errors.New("there is no dense layer (Gemm or MatMul) between input and output")
	case l.relu:
		return nil, fmt.Errorf("the network ends in a Relu, after node %q: outputs of fairway's networks have any sign", short(l.name))
	}
	return a, nil
}

func (a *assembly) begin(in *value) error {
	if in.kind != float32Kind && in.kind != float64Kind {
		return fmt.Errorf("is of %s; want FLOAT or DOUBLE", kindName(in.kind))
	}
	a.rank = len(in.dims)
	if a.rank < 1 || a.rank > 3 {
		return fmt.Errorf("has %d axes; want rows of columns, or (fixed5) of routes of columns", a.rank)
	}
	size := func(i int) (int, error) {
		n := in.dims[i].size
		if n < 0 || n > maxWidth {
			return 0, fmt.Errorf("axis %d has the size %d; at most %d can be read", i, n, maxWidth)
		}
		return int(n), nil
	}
	var err error
	if a.width, err = size(a.rank - 1); err != nil || a.rank < 3 {
		return err
	}
	if a.rows, err = size(1); err == nil && (a.rows == 0 || a.width == 0) {
		err = errors.New("has axes of no fixed size; only the first, the batch, may vary")
	}
	return err
}

// maxWidth is the most inputs or outputs that a layer of a model can have.
const maxWidth = 1 << 16

func (a *assembly) last() *dense {
	if len(a.layers) == 0 {
		return nil
	}
	return a.layers[len(a.layers)-1]
}

// fits makes sure that n columns come in.
func (a *assembly) fits(n int) error {
	if a.width == 0 && n > 1 { // one value may stand for all
		a.width = n
	}
	if a.width != 0 && n != a.width {
		return fmt.Errorf("takes %d columns; %d come in", n, a.width)
	}
	return nil
}

// join makes one row of the rows of each element of the batch.
func (a *assembly) join() error {
	if len(a.layers) == 0 && a.rank == 3 {
		a.width *= a.rows
		if a.width > maxWidth {
			return fmt.Errorf("makes %d columns; at most %d can be read", a.width, maxWidth)
		}
		a.rank = 2
	}
	return nil
}

func (a *assembly) dense(n *node, l *dense) error {
	if a.rank == 3 {
		return errors.New("works on each row of an input with three axes; want a Flatten before it")
	}
	if l.in > maxWidth || l.out > maxWidth {
		return fmt.Errorf("a layer is %d → %d; at most %d fit", l.in, l.out, maxWidth)
	}
	if a.width != 0 && a.width != l.in {
		return fmt.Errorf("takes %d inputs; %d come in", l.in, a.width)
	}
	if p := a.pending; p != nil {
		l.absorb(p)
		a.pending = nil
	}
	a.width, l.name = l.out, n.name
	a.layers = append(a.layers, l)
	return nil
}

// absorb makes the layer of what was y = scale·x + shift before it.
func (l *dense) absorb(p *affine) {
	for o := range l.out {
		w := l.w[o*l.in:][:l.in]
		for i := range w {
			scale, shift := p.at(i)
			l.b[o] += w[i] * shift
			w[i] *= scale
		}
	}
}

// at returns what happens to column i; one value may stand for all.
func (p *affine) at(i int) (scale, shift float64) {
	if len(p.scale) == 1 {
		i = 0
	}
	return p.scale[i], p.shift[i]
}

// affine puts y = scale·x + shift where it belongs: into the layer before it,
// if no ReLU lies between, else into the next, or before the first.
func (a *assembly) affine(scale, shift []float64) error {
	if err := a.fits(len(scale)); err != nil && len(scale) != 1 {
		return err
	}
	l := a.last()
	if l != nil && !l.relu {
		for o := range l.out {
			for i := range l.in {
				l.w[o*l.in+i] *= scale[o]
			}
			l.b[o] = l.b[o]*scale[o] + shift[o]
		}
		return nil
	}
	to := &a.pending
	if l == nil {
		if a.clipped || a.rank == 2 && a.rows > 1 {
			return errors.New("scales the inputs after they were clipped or flattened; want it before that, or in a layer")
		}
		to = &a.front
	}
	if *to == nil {
		*to = &affine{scale, shift}
		return nil
	}
	*to = (*to).then(&affine{scale, shift})
	return nil
}

// then is q after p.
func (p *affine) then(q *affine) *affine {
	n := max(len(p.scale), len(q.scale))
	both := &affine{make([]float64, n), make([]float64, n)}
	for i := range n {
		scale, shift := p.at(i)
		by, and := q.at(i)
		both.scale[i], both.shift[i] = scale*by, shift*by+and
	}
	return both
}

func fill(n int, v float64) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = v
	}
	return values
}
