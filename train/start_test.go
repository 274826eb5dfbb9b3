package train

import (
	"math"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// TestUntrainedIsPersistence: at the load of now the untrained network says
// what is now, and with more load no less.
func TestUntrainedIsPersistence(t *testing.T) {
	set := world{service: "s", endpoints: 4, moments: 200, seed: 11}.set()
	load, err := set.column("load_now")
	if err != nil {
		t.Fatal(err)
	}
	reference, _ := set.column("latency_ref_seconds")
	failed, _ := set.column("error_ratio")
	task, network, err := outcomeTask(set, columnsOf(set), nil, DefaultConfig(), seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	network.Layers = task.layers
	p, err := predict.Compile(&model.Model{Format: model.Format, Schema: set.Schema, Timing: set.Timing, Objective: DefaultConfig().Objective, Routing: network})
	if err != nil {
		t.Fatal(err)
	}
	set.each(datasets.Test, func(_ int, m *Moment) {
		now, double := make([]predict.Prediction, len(m.Endpoints)), make([]predict.Prediction, len(m.Endpoints))
		loads, doubled := make([]float64, len(now)), make([]float64, len(now))
		for i := range now {
			loads[i] = float64(m.row(i, len(set.Columns))[load]) * worldCapacity
			doubled[i] = 2 * loads[i]
		}
		if err := p.Predict(now, set.frame(m), loads); err != nil {
			t.Fatal(err)
		}
		if err := p.Predict(double, set.frame(m), doubled); err != nil {
			t.Fatal(err)
		}
		for i := range now {
			row := m.row(i, len(set.Columns))
			if ratio := now[i].Mean / float64(row[reference]); math.Abs(ratio-1) > 0.03 {
				t.Errorf("at the load of now, %.2f, the mean is %.3f of what it is now", row[load], ratio)
			}
			want := math.Max(float64(row[failed]), leastErrors)
			if ratio := now[i].ErrorRatio / want; math.Abs(ratio-1) > 0.1 {
				t.Errorf("at the load of now the error ratio is %.4f; now it is %.4f", now[i].ErrorRatio, want)
			}
			if double[i].Mean <= now[i].Mean || double[i].ErrorRatio < now[i].ErrorRatio {
				t.Errorf("twice the load: mean %.4f to %.4f, errors %.4f to %.4f; want more", now[i].Mean, double[i].Mean, now[i].ErrorRatio, double[i].ErrorRatio)
			}
		}
	})
}

func TestDropMask(t *testing.T) {
	mask := make([]float32, 40_000)
	dropMask(mask, 40, 4, 0.2, seeded(2))
	dropped := 0
	for i, v := range mask {
		switch {
		case i%40 < 4:
			if v != 1 {
				t.Fatalf("unit %d is spared, its mask is %v", i%40, v)
			}
		case v == 0:
			dropped++
		case math.Abs(float64(v)-1.25) > 1e-4:
			t.Fatalf("mask %v; want 0 or 1.25", v)
		}
	}
	if part := float64(dropped) / 36_000; math.Abs(part-0.2) > 0.01 {
		t.Errorf("%v were dropped; want 0.2", part)
	}
}
