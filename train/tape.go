package train

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
)

// tape is a gorgonia.VM for a graph whose operations own their results, as all
// of this package do. Gorgonia's own tape machine makes a goroutine, two
// channels and the list of inputs of each operation anew in every run, some
// hundred allocations; here the values are found once and a run allocates
// nothing. Both give the same numbers to the bit.
type tape struct{ steps []step }

type step struct {
	op    gorgonia.Op
	in    []gorgonia.Value
	value gorgonia.Value // what op returns, every time
}

// newTape runs g once, in order to find the values: the inputs must be bound.
func newTape(g *gorgonia.ExprGraph) (*tape, error) {
	nodes, err := gorgonia.Sort(g)
	if err != nil {
		return nil, fmt.Errorf("sorting the graph: %w", err)
	}
	t := &tape{}
	values := map[int64]gorgonia.Value{}
	for _, n := range slices.Backward(nodes) { // what a node needs is behind it
		if n.Op() == nil || n.Op().Arity() == 0 { // an input or a constant
			values[n.ID()] = n.Value()
			continue
		}
		s := step{op: n.Op()}
		for children := g.From(n.ID()); children.Next(); {
			s.in = append(s.in, values[children.Node().ID()])
		}
		if s.value, err = s.op.Do(s.in...); err != nil {
			return nil, fmt.Errorf("%v: %w", s.op, err)
		}
		values[n.ID()] = s.value
		t.steps = append(t.steps, s)
		if err := gorgonia.UnsafeLet(n, s.value); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// RunAll implements gorgonia.VM.
func (t *tape) RunAll() error {
	for i := range t.steps {
		s := &t.steps[i]
		v, err := s.op.Do(s.in...)
		if err != nil {
			return fmt.Errorf("%v: %w", s.op, err)
		}
		if v != s.value {
			return fmt.Errorf("%v: the result is in another place than in the run before", s.op)
		}
	}
	return nil
}

// Reset implements gorgonia.VM: a run leaves nothing behind.
func (t *tape) Reset() {}

// Close implements gorgonia.VM.
func (t *tape) Close() error { return nil }
