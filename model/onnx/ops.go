package onnx

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/model"
)

// operators of a chain, and what reads them.
var readers = map[string]func(*assembly, *node) error{
	"Gemm": (*assembly).gemm, "MatMul": (*assembly).matMul,
	"Add": (*assembly).shift, "Sub": (*assembly).shift, "Mul": (*assembly).stretch, "Div": (*assembly).stretch,
	"BatchNormalization": (*assembly).normalize,
	"Relu":               (*assembly).relu, "Sigmoid": (*assembly).end, "Softmax": (*assembly).softmax,
	"Where": (*assembly).impute, "Clip": (*assembly).clip,
	"Identity": (*assembly).pass, "Dropout": (*assembly).dropout, "Cast": (*assembly).cast,
	"Flatten": (*assembly).flatten, "Reshape": (*assembly).reshape,
}

func (a *assembly) read(n *node) error {
	read := readers[n.op]
	if read == nil || n.domain != "" && n.domain != "ai.onnx" {
		return fmt.Errorf("%s: not supported; a dense network is read that is made of %s", n.describe(), strings.Join(slices.Sorted(maps.Keys(readers)), ", "))
	}
	if a.tail != "" && !slices.Contains([]string{"Identity", "Cast"}, n.op) {
		return fmt.Errorf("%s: follows on the %s, with which a network ends", n.describe(), a.tail)
	}
	if err := read(a, n); err != nil {
		return fmt.Errorf("%s: %w", n.describe(), err)
	}
	return nil
}

// takes makes sure that the first input is what comes through the chain, and
// that there are from low to high inputs.
func (a *assembly) takes(n *node, low, high int) error {
	if len(n.inputs) < low || len(n.inputs) > high {
		return fmt.Errorf("has %d inputs; want %d to %d", len(n.inputs), low, high)
	}
	if a.x.constant(n.inputs[0], depth) {
		return errors.New("its first input is a constant; want what comes from the layer before, and the constant after it")
	}
	return nil
}

func (a *assembly) gemm(n *node) error {
	if err := a.takes(n, 2, 3); err != nil {
		return err
	}
	if n.int("transA", 0) != 0 {
		return errors.New("transA is set: it would mix the rows")
	}
	l, err := a.weights(n.inputs[1], n.int("transB", 0) != 0)
	if err != nil {
		return err
	}
	alpha, beta := float64(n.float("alpha", 1)), float64(n.float("beta", 1))
	for i := range l.w {
		l.w[i] *= alpha
	}
	if bias := n.input(2); bias != "" {
		if l.b, err = a.x.vector(bias, l.out); err != nil {
			return err
		}
		for i := range l.b {
			l.b[i] *= beta
		}
	}
	return a.dense(n, l)
}

func (a *assembly) matMul(n *node) error {
	if err := a.takes(n, 2, 2); err != nil {
		return err
	}
	l, err := a.weights(n.inputs[1], false)
	if err != nil {
		return err
	}
	return a.dense(n, l)
}

// weights reads a matrix, inputs × outputs unless it is transposed already.
func (a *assembly) weights(name string, transposed bool) (*dense, error) {
	values, t, err := a.x.floats(name)
	if err != nil {
		return nil, err
	}
	if len(t.dims) != 2 || len(values) == 0 {
		return nil, fmt.Errorf("%q has the shape %v; want a matrix", short(t.name), t.dims)
	}
	rows, columns := int(t.dims[0]), int(t.dims[1])
	if transposed {
		return &dense{in: columns, out: rows, w: values, b: make([]float64, rows)}, nil
	}
	l := &dense{in: rows, out: columns, w: make([]float64, len(values)), b: make([]float64, columns)}
	for i := range rows {
		for o := range columns {
			l.w[o*rows+i] = values[i*columns+o]
		}
	}
	return l, nil
}

// shift reads x + c, x − c and c − x.
func (a *assembly) shift(n *node) error {
	c, first, err := a.operand(n)
	if err != nil {
		return err
	}
	scale := 1.0
	switch {
	case n.op == "Sub" && first:
		scale = -1
	case n.op == "Sub":
		for i := range c {
			c[i] = -c[i]
		}
	}
	return a.affine(fill(len(c), scale), c)
}

// stretch reads x · c and x ÷ c.
func (a *assembly) stretch(n *node) error {
	c, first, err := a.operand(n)
	if err != nil {
		return err
	}
	if n.op == "Div" {
		if first {
			return errors.New("divides by what comes in; want a constant as the divisor")
		}
		for i := range c {
			c[i] = 1 / c[i]
		}
	}
	return a.affine(c, fill(len(c), 0))
}

// operand returns the constant of a node with two inputs, and whether it is
// the first of them.
func (a *assembly) operand(n *node) (c []float64, first bool, err error) {
	if len(n.inputs) != 2 {
		return nil, false, fmt.Errorf("has %d inputs; want 2", len(n.inputs))
	}
	at := 1
	if a.x.constant(n.inputs[0], depth) {
		at = 0
	}
	c, err = a.x.vector(n.inputs[at], a.width)
	return slices.Clone(c), at == 0, err
}

// normalize folds a BatchNormalization, whose statistics no longer change.
func (a *assembly) normalize(n *node) error {
	if err := a.takes(n, 5, 5); err != nil {
		return err
	}
	if n.int("training_mode", 0) != 0 {
		return errors.New("is in training mode; export the network for inference (PyTorch: model.eval())")
	}
	var parts [4][]float64 // scale, bias, mean, variance
	for i := range parts {
		values, err := a.x.vector(n.inputs[i+1], a.width)
		if err != nil {
			return err
		}
		if len(values) != max(a.width, len(parts[0])) && i > 0 {
			return fmt.Errorf("has %d and %d values; want as many of each", len(parts[0]), len(values))
		}
		parts[i] = values
	}
	epsilon := float64(n.float("epsilon", 1e-5))
	scale, shift := make([]float64, len(parts[0])), make([]float64, len(parts[0]))
	for i := range scale {
		scale[i] = parts[0][i] / math.Sqrt(parts[3][i]+epsilon)
		shift[i] = parts[1][i] - parts[2][i]*scale[i]
	}
	return a.affine(scale, shift)
}

func (a *assembly) relu(*node) error {
	l := a.last()
	if l == nil || a.pending != nil {
		return errors.New("does not follow on a dense layer")
	}
	l.relu = true
	return nil
}

func (a *assembly) end(n *node) error { a.tail = n.op; return nil }

func (a *assembly) softmax(n *node) error {
	otherwise := int64(-1)
	if a.x.opset < 13 {
		otherwise = 1
	}
	if axis := n.int("axis", otherwise); axis != -1 && axis != int64(a.rank-1) {
		return fmt.Errorf("is over axis %d; want the last", axis)
	}
	return a.end(n)
}

// impute reads Where(IsNaN(x), c, x), which index.variable has checked.
func (a *assembly) impute(n *node) error {
	if len(a.layers) > 0 || a.front != nil || a.imputed != nil || a.clipped {
		return errors.New("replaces unknown values late; want it at the graph's input")
	}
	if len(n.inputs) != 3 || a.x.made[n.inputs[0]] == nil || a.x.made[n.inputs[0]].op != "IsNaN" {
		return errors.New("want Where(IsNaN(x), constant, x)")
	}
	c, err := a.x.vector(n.inputs[1], a.width)
	if err != nil {
		return err
	}
	a.imputed = c
	return a.fits(len(c))
}

// clip reads the bounds that fairway gives to scaled inputs.
func (a *assembly) clip(n *node) error {
	low, high := float64(n.float("min", -math.MaxFloat32)), float64(n.float("max", math.MaxFloat32))
	for i, bound := range []*float64{&low, &high} {
		name := n.input(i + 1)
		if name == "" {
			continue
		}
		v, err := a.x.scalar(name)
		if err != nil {
			return err
		}
		*bound = v
	}
	if len(a.layers) > 0 || low != -model.Clip || high != model.Clip {
		return fmt.Errorf("from %g to %g: only scaled inputs may be clipped, from %d to %d, as fairway does", low, high, -model.Clip, model.Clip)
	}
	a.clipped = true
	return nil
}

func (a *assembly) pass(*node) error { return nil }

// dropout does nothing but in training.
func (a *assembly) dropout(n *node) error {
	if name := n.input(2); name != "" {
		t, err := a.x.tensor(name)
		if err != nil {
			return err
		}
		for _, b := range t.data {
			if b != 0 {
				return errors.New("is in training mode; export the network for inference (PyTorch: model.eval())")
			}
		}
	}
	return nil
}

func (a *assembly) cast(n *node) error {
	if to := n.int("to", 0); to != float32Kind && to != float64Kind {
		return fmt.Errorf("casts to %s; want FLOAT or DOUBLE", kindName(to))
	}
	return nil
}

// flatten joins the columns of all routes.
func (a *assembly) flatten(n *node) error {
	if axis := n.int("axis", 1); axis != 1 {
		return fmt.Errorf("flattens from axis %d; want 1", axis)
	}
	return a.join()
}

// reshape reads a Flatten that was written with a shape.
func (a *assembly) reshape(n *node) error {
	if err := a.takes(n, 2, 2); err != nil {
		return err
	}
	shape, err := a.x.ints(n.inputs[1])
	if err != nil {
		return err
	}
	all := a.width
	if a.rank == 3 {
		all *= a.rows
	}
	if len(shape) != 2 || all == 0 || shape[1] != -1 && shape[1] != int64(all) || shape[0] != -1 && shape[0] != 0 || shape[0] == shape[1] {
		return fmt.Errorf("to %v: want [-1 %d], all columns of a row in one", shape, all)
	}
	return a.join()
}
