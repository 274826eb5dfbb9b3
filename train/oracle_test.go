package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/gorgonia"

	"github.com/fairway-mesh/fairway/train/backprop"
)

// bits makes equal mean equal to the bit, NaN among them.
var bits = cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })

// TestMachineEqualsBackpropagation trains each loss with dropout, three ways:
// on the machine, on Gorgonia's own tape machine with the same graph, and by
// hand. All weights must be equal to the bit after every step.
func TestMachineEqualsBackpropagation(t *testing.T) {
	random := seeded(11)
	for _, c := range losses(random) {
		t.Run(c.name, func(t *testing.T) {
			const steps, copies, rate, dropout = 40, 25, 3e-3, 0.2 // copies: more than one block of rows
			groups := copies * c.rows / c.group
			outputs, targets := c.loss.widths()
			layers := layersFor(random, 7, 33, 16, 9, outputs)
			ours, err := newMachine(layers, c.loss, groups, c.group)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := newMachine(layers, c.loss, groups, c.group)
			if err != nil {
				t.Fatal(err)
			}
			theirs.tape = gorgonia.NewTapeMachine(theirs.loss.Graph())
			defer theirs.tape.Close()
			hand, err := backprop.New(layers, c.loss.value, targets, groups, c.group, gorgonia.WhichBLAS(), rate)
			if err != nil {
				t.Fatal(err)
			}
			task := task{layers: layers, dropped: 2}
			machines := []*machine{ours, theirs}
			optimisers := []*adam{newAdam(ours.params, rate), newAdam(theirs.params, rate)}
			for step := range steps {
				copy(hand.X, normals(random, len(hand.X)))
				copy(hand.Target, slices.Repeat(c.target, copies))
				task.drop(&machine{masks: hand.Masks}, dropout, random)
				want := hand.Step()
				for k, m := range machines {
					copy(m.x, hand.X)
					copy(m.target, hand.Target)
					for i := range m.masks {
						copy(m.masks[i], hand.Masks[i])
					}
					got, err := m.run()
					if err != nil {
						t.Fatal(err)
					}
					optimisers[k].step()
					if math.Abs(want-got) > 1e-6*math.Abs(want) {
						t.Fatalf("step %d, machine %d: loss %v; by hand %v", step, k, got, want)
					}
					if diff := cmp.Diff(hand.Layers(), m.snapshot(), bits); diff != "" {
						t.Fatalf("step %d, machine %d: weights differ (-by hand +machine):\n%s", step, k, diff)
					}
				}
			}
			if diff := cmp.Diff(layers, hand.Layers(), bits); diff == "" {
				t.Error("nothing was learned")
			}
		})
	}
}

// TestLoopsAreEqual: what `fairway bench network` compares does the same work.
func TestLoopsAreEqual(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Batch = 160 // blocks of 64, 64 and 32 rows
	widths := []int{20, 128, 64, 32, 5}
	ours, err := NewLoop(widths, 1500, cfg) // the last batch is not full
	if err != nil {
		t.Fatal(err)
	}
	hand, err := NewLoopByHand(widths, 1500, cfg, BLAS())
	if err != nil {
		t.Fatal(err)
	}
	var first, last float64
	for epoch := range 12 {
		var losses [2]float64
		for i, l := range []*Loop{ours, hand} {
			if losses[i], err = l.Epoch(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if epoch == 0 {
			first = losses[0]
		}
		last = losses[0]
		if math.Abs(losses[0]-losses[1]) > 1e-6 {
			t.Fatalf("epoch %d: loss %v; by hand %v", epoch, losses[0], losses[1])
		}
		if diff := cmp.Diff(hand.Layers(), ours.Layers(), bits); diff != "" {
			t.Fatalf("epoch %d: weights differ (-by hand +machine):\n%s", epoch, diff)
		}
	}
	if !(last < 0.9*first) {
		t.Errorf("loss went from %v to %v; it is to learn", first, last)
	}
}
