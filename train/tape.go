package train

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
)

// tape is a gorgonia.VM for graphs of this package's operations. Gorgonia's own
// tape machine makes a goroutine, two channels and the list of inputs of each
// operation anew in every run, some hundred allocations; here the values are
// found once and a run allocates nothing. Nor does it go through the whole
// batch operation by operation, but block of rows by block of rows through all
// of them, while the block is in the cache, and then through the sums over the
// rows. Results are equal to the bit to those of Gorgonia's machine. It runs on
// the caller's goroutine: sharing the blocks out showed no gain on two cores.
type tape struct {
	byRow  []step // in order
	blocks []block
	sums   []step
}

type step struct {
	op operation
	in []gorgonia.Value
}

// block is some rows of a batch.
type block struct{ from, to int }

// blockRows is about how many a block has: 100 KiB of what the layers of a
// usual network make.
const blockRows = 64

// newTape compiles a graph whose batch has so many rows. Rows of a group stay
// together.
func newTape(g *gorgonia.ExprGraph, rows, group int) (*tape, error) {
	nodes, err := gorgonia.Sort(g)
	if err != nil {
		return nil, fmt.Errorf("sorting the graph: %w", err)
	}
	t := &tape{blocks: split(rows, max(1, blockRows/group)*group)}
	values, summed := map[int64]gorgonia.Value{}, map[int64]bool{}
	for _, n := range slices.Backward(nodes) { // what a node needs is behind it
		if n.Op() == nil || n.Op().Arity() == 0 { // an input or a constant
			values[n.ID()] = n.Value()
			continue
		}
		o, ok := n.Op().(operation)
		if !ok {
			return nil, fmt.Errorf("%v is an operation of Gorgonia's own, which keeps no place for its result", n.Op())
		}
		s := step{op: o}
		for children := g.From(n.ID()); children.Next(); {
			id := children.Node().ID()
			if summed[id] {
				return nil, fmt.Errorf("%v needs a sum over the rows, which comes after all that is done by row", o)
			}
			s.in = append(s.in, values[id])
		}
		b := o.base()
		values[n.ID()], summed[n.ID()] = b.value, b.sums
		if err := gorgonia.UnsafeLet(n, b.value); err != nil {
			return nil, err
		}
		if b.sums {
			t.sums = append(t.sums, s)
		} else {
			t.byRow = append(t.byRow, s)
		}
	}
	return t, nil
}

// split divides rows into blocks.
func split(rows, size int) []block {
	var blocks []block
	for from := 0; from < rows; from += size {
		blocks = append(blocks, block{from, min(rows, from+size)})
	}
	return blocks
}

// RunAll implements gorgonia.VM.
func (t *tape) RunAll() error {
	for _, b := range t.blocks {
		for _, s := range t.byRow {
			s.op.part(s.in, b.from, b.to)
		}
	}
	for _, s := range t.sums {
		s.op.part(s.in, 0, s.op.base().lines())
	}
	return nil
}

// Reset implements gorgonia.VM: a run leaves nothing behind.
func (t *tape) Reset() {}

// Close implements gorgonia.VM: there is nothing to give back.
func (t *tape) Close() error { return nil }
