package train

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"gorgonia.org/gorgonia"
)

// tape is a gorgonia.VM for graphs of this package's operations. Gorgonia's own
// tape machine makes a goroutine, two channels and the list of inputs of each
// operation anew in every run, some hundred allocations; here the values are
// found once and a run allocates nothing. Nor does it go through the whole
// batch operation by operation, but block of rows by block of rows through all
// of them, while the block is in the cache, and then through the sums over the
// rows. Blocks and sums are shared out to the processors. No number depends on
// how: results are equal to the bit to those of Gorgonia's machine.
type tape struct {
	byRow  []step  // in order
	blocks []block // of rows
	sums   []piece // in any order

	next    atomic.Int64 // the first block or piece that nobody has taken
	summing bool
	help    func() // work, then Done: a value, as a closure in RunAll would be allocated
	helpers sync.WaitGroup
}

type step struct {
	op operation
	in []gorgonia.Value
}

type block struct{ from, to int }

// piece is some lines of a sum.
type piece struct {
	step
	block
}

const (
	blockRows  = 64 // about 100 KiB of what the layers of a usual network make
	pieceLines = 64
)

// newTape compiles a graph whose batch has so many rows. Rows of a group stay
// together.
func newTape(g *gorgonia.ExprGraph, rows, group int) (*tape, error) {
	nodes, err := gorgonia.Sort(g)
	if err != nil {
		return nil, fmt.Errorf("sorting the graph: %w", err)
	}
	t := &tape{blocks: split(rows, max(1, blockRows/group)*group)}
	t.help = func() {
		defer t.helpers.Done()
		t.work()
	}
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
		t.add(s)
	}
	// The largest come first, so that nobody waits long for the last.
	slices.SortStableFunc(t.sums, func(a, b piece) int { return cmp.Compare(b.size(), a.size()) })
	return t, nil
}

func (t *tape) add(s step) {
	b := s.op.base()
	if !b.sums {
		t.byRow = append(t.byRow, s)
		return
	}
	for _, lines := range split(b.lines(), pieceLines) {
		t.sums = append(t.sums, piece{s, lines})
	}
}

// size is how much there is to compute, by and large.
func (p *piece) size() int { return (p.to - p.from) * len(p.op.base().out) }

// split divides lines into blocks.
func split(lines, size int) []block {
	var blocks []block
	for from := 0; from < lines; from += size {
		blocks = append(blocks, block{from, min(lines, from+size)})
	}
	return blocks
}

// RunAll implements gorgonia.VM. Its goroutines end before it returns.
func (t *tape) RunAll() error {
	t.summing = false
	t.share(len(t.blocks))
	t.summing = true
	t.share(len(t.sums))
	return nil
}

// share works together with helpers, if the batch is worth them.
func (t *tape) share(pieces int) {
	t.next.Store(0)
	for range min(len(t.blocks), pieces, runtime.GOMAXPROCS(0)) - 1 {
		t.helpers.Add(1)
		go t.help()
	}
	t.work()
	t.helpers.Wait()
}

// work takes blocks, or pieces of sums, until none is left.
func (t *tape) work() {
	for {
		i := int(t.next.Add(1)) - 1
		switch {
		case t.summing && i < len(t.sums):
			p := &t.sums[i]
			p.op.part(p.in, p.from, p.to)
		case !t.summing && i < len(t.blocks):
			b := t.blocks[i]
			for _, s := range t.byRow {
				s.op.part(s.in, b.from, b.to)
			}
		default:
			return
		}
	}
}

// Reset implements gorgonia.VM: a run leaves nothing behind.
func (t *tape) Reset() {}

// Close implements gorgonia.VM: there is nothing to give back.
func (t *tape) Close() error { return nil }
