package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// index finds what makes a value.
type index struct {
	inputs    map[string]*value  // that are no initializers
	constants map[string]*tensor // initializers, and what nodes make of them
	made      map[string]*node   // by each of its outputs
	opset     int64
	room      int // values of constants that may still be made
}

// maxValues bounds the numbers that are made of constants: as many as the
// parameters of the largest model file, and what transposing them takes.
const maxValues = 2 * (64 << 20) / 4

// depth bounds how many nodes may lie between an initializer and its use.
const depth = 16

func newIndex(f *file) (*index, error) {
	g := &f.graph
	x := &index{inputs: map[string]*value{}, constants: map[string]*tensor{}, made: map[string]*node{}, room: maxValues}
	for _, o := range f.opsets {
		if o.domain == "" || o.domain == "ai.onnx" {
			x.opset = o.version
		}
	}
	// Before version 7 operators broadcast in another way.
	if x.opset < 7 {
		return nil, fmt.Errorf("it uses version %d of ONNX's operators; want 7 or later (exporters have had it since 2018)", x.opset)
	}
	for i := range g.initializers {
		t := &g.initializers[i]
		if x.constants[t.name] != nil {
			return nil, fmt.Errorf("initializer %q is there twice", t.name)
		}
		x.constants[t.name] = t
	}
	for i := range g.inputs {
		if v := &g.inputs[i]; x.constants[v.name] == nil {
			x.inputs[v.name] = v
		}
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		for _, name := range n.outputs {
			if name == "" {
				continue // left out
			}
			if x.made[name] != nil || x.inputs[name] != nil || x.constants[name] != nil {
				return nil, fmt.Errorf("%s makes the value %q, which is there already", n.describe(), name)
			}
			x.made[name] = n
		}
	}
	return x, nil
}

// describe names a node as an error does.
func (n *node) describe() string {
	op := n.op
	if n.domain != "" && n.domain != "ai.onnx" {
		op = n.domain + "." + op
	}
	return fmt.Sprintf("node %q (%.40s)", short(n.name), op)
}

// short cuts a name down to what fits in a message.
func short(name string) string {
	if len(name) > 80 {
		return name[:77] + "…"
	}
	return name
}

// chain returns the nodes between an input and the named output, in the order
// of the calculation.
func (x *index) chain(output string) (*value, []*node, error) {
	var chain []*node
	seen := map[*node]bool{}
	for name, by := output, "the graph's output"; ; {
		if in := x.inputs[name]; in != nil {
			slices.Reverse(chain)
			return in, chain, nil
		}
		n := x.made[name]
		if n == nil {
			return nil, nil, fmt.Errorf("nothing makes the value %q, which %s takes", short(name), by)
		}
		if seen[n] {
			return nil, nil, fmt.Errorf("%s depends on its own output: the graph is cyclic", n.describe())
		}
		seen[n] = true
		if n.outputs[0] != name {
			return nil, nil, fmt.Errorf("%s takes %q, which is not the first output of %s", by, short(name), n.describe())
		}
		next, err := x.variable(n)
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, n)
		name, by = next, n.describe()
	}
}

// variable returns the one input of n that depends on the graph's.
func (x *index) variable(n *node) (string, error) {
	var found []string
	for _, name := range n.inputs {
		if name != "" && !x.constant(name, depth) {
			found = append(found, name)
		}
	}
	// Where(IsNaN(x), constant, x) is how an unknown value is replaced.
	if n.op == "Where" && len(found) == 2 && len(n.inputs) == 3 && found[1] == n.inputs[2] {
		if test := x.made[found[0]]; test != nil && test.op == "IsNaN" && test.input(0) == found[1] {
			found = found[1:]
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s depends on no input of the graph", n.describe())
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%s joins %q and %q; only a chain of layers can be read, without branches", n.describe(), short(found[0]), short(found[1]))
}

// constant reports whether a value depends on no input.
func (x *index) constant(name string, depth int) bool {
	if x.constants[name] != nil {
		return true
	}
	n := x.made[name]
	switch {
	case n == nil || depth == 0:
		return false
	case n.op == "Constant":
		return true
	case slices.Contains(folded, n.op):
		return len(n.inputs) > 0 && x.constant(n.inputs[0], depth-1)
	}
	return false
}

// folded are the operators that exporters put between an initializer and its
// use, and that are carried out here.
var folded = []string{"Identity", "Cast", "Transpose"}

// tensor returns the value of a constant.
func (x *index) tensor(name string) (*tensor, error) {
	if t := x.constants[name]; t != nil {
		return t, nil
	}
	n := x.made[name]
	if n == nil {
		return nil, fmt.Errorf("%q is no constant", short(name))
	}
	t, err := x.fold(n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.describe(), err)
	}
	x.constants[name] = t
	return t, nil
}

func (x *index) fold(n *node) (*tensor, error) {
	if n.op == "Constant" {
		a := n.attribute("value")
		if a == nil || a.t == nil {
			return nil, errors.New("a Constant without a tensor as its value")
		}
		return a.t, nil
	}
	t, err := x.tensor(n.input(0))
	if err != nil {
		return nil, err
	}
	switch n.op {
	case "Cast":
		if to := n.int("to", 0); to != float32Kind && to != float64Kind {
			return nil, fmt.Errorf("casts a constant to %s; want FLOAT or DOUBLE", kindName(to))
		}
		return t, nil // its values are read as float64 anyway
	case "Transpose":
		return x.transpose(t, n)
	}
	return t, nil
}

func (x *index) transpose(t *tensor, n *node) (*tensor, error) {
	perm := []int64{1, 0}
	if a := n.attribute("perm"); a != nil {
		perm = a.is
	}
	if len(t.dims) != 2 || !slices.Equal(perm, []int64{1, 0}) {
		return nil, fmt.Errorf("transposes a constant of shape %v by %v; want a matrix, by [1 0]", t.dims, perm)
	}
	width, err := t.width()
	if err != nil {
		return nil, err
	}
	rows, columns := int(t.dims[0]), int(t.dims[1])
	if err := x.take(rows * columns); err != nil {
		return nil, err
	}
	turned := &tensor{name: t.name, kind: t.kind, dims: []int64{t.dims[1], t.dims[0]}, data: make([]byte, len(t.data))}
	for r := range rows {
		for c := range columns {
			copy(turned.data[(c*rows+r)*width:][:width], t.data[(r*columns+c)*width:])
		}
	}
	return turned, nil
}

// take accounts for n numbers.
func (x *index) take(n int) error {
	if x.room -= n; x.room < 0 {
		return fmt.Errorf("its constants have more than %d numbers", maxValues)
	}
	return nil
}
