package train

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// TestUntrainedIsTheFormula: the untrained network's curves are those of a
// formula without a network, but for the tails, which are the usual ones of the
// training part.
func TestUntrainedIsTheFormula(t *testing.T) {
	set := world{service: "s", endpoints: 4, moments: 200, seed: 11}.set()
	task, network, err := outcomeTask(set, columnsOf(set), nil, DefaultConfig(), seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	network.Layers = task.layers
	p, err := predict.Compile(&model.Model{Format: model.Format, Schema: set.Schema, Timing: set.Timing, Objective: DefaultConfig().Objective, Routing: network})
	if err != nil {
		t.Fatal(err)
	}
	formula, compared := predict.NewFormula(), 0
	set.each(datasets.Test, func(_ int, m *Moment) {
		f := set.frame(m)
		got, want := make([]predict.Curve, len(m.Endpoints)), make([]predict.Curve, len(m.Endpoints))
		if err := p.Curves(got, f, 1); err != nil {
			t.Fatal(err)
		}
		if err := formula.Curves(want, f); err != nil {
			t.Fatal(err)
		}
		tails := cmpopts.IgnoreFields(predict.Curve{}, "Mid", "Tail90", "Tail99")
		if diff := cmp.Diff(want, got, tails, cmpopts.EquateApprox(1e-6, 0)); diff != "" {
			t.Fatalf("%v (-formula +untrained)\n%s", m.Time, diff)
		}
		for _, c := range got {
			if !c.Known || math.Abs(c.Mid-0.7) > 1e-3 || math.Abs(c.Tail90-2.3/0.7) > 1e-2 || math.Abs(c.Tail99-2) > 1e-2 {
				t.Fatalf("%+v; want the tails of the world, 0.7, 3.29 and 2", c)
			}
			compared++
		}
	})
	if compared < 100 {
		t.Errorf("only %d curves were compared", compared)
	}
}

func TestDropMask(t *testing.T) {
	mask := make([]float32, 40_000)
	drawMask(mask, 0.2, seeded(2))
	dropped := 0
	for _, v := range mask {
		switch {
		case v == 0:
			dropped++
		case math.Abs(float64(v)-1.25) > 1e-4:
			t.Fatalf("mask %v; want 0 or 1.25", v)
		}
	}
	if part := float64(dropped) / 40_000; math.Abs(part-0.2) > 0.01 {
		t.Errorf("%v were dropped; want 0.2", part)
	}
}
