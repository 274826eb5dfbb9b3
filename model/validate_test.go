package model

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestValidateNamesWhatIsWrong(t *testing.T) {
	nan := float32(math.NaN())
	tests := []struct {
		spoil func(*Model)
		want  string
	}{
		{func(m *Model) { m.Format = "" }, `format is ""`},
		{func(m *Model) { m.Schema.Series = nil }, "has no series"},
		{func(m *Model) { m.Timing.Horizon = 0 }, "timing is"},
		{func(m *Model) { m.Objective.Deadline = 0 }, "objective is"},
		{func(m *Model) { m.Objective.ErrorCost = math.Inf(1) }, "error cost"},
		{func(m *Model) { m.Features.Recent = 0 }, "features: "},
		{func(m *Model) { m.Routing, m.Failure = nil, nil }, "neither"},
		{func(m *Model) { m.Routing.Kind = "guess" }, `kind is "guess"`},
		{func(m *Model) { m.Routing.Columns[1] = "error_ratio" }, "column 1"},
		{func(m *Model) { m.Routing.Columns = nil }, "no columns"},
		{func(m *Model) { m.Routing.Scaler.Scale[0] = 0 }, "scale of error_ratio is 0"},
		{func(m *Model) { m.Routing.Scaler.Impute[1] = nan }, "impute of utilization is NaN"},
		{func(m *Model) { m.Routing.Scaler.High = nil }, "0 values of high for 2 columns"},
		{func(m *Model) { m.Routing.Scaler.Low[1] = 2 }, "low of utilization"},
		{func(m *Model) { m.Routing.Routes = []string{"a"} }, "routes belong to fixed5"},
		{func(m *Model) { m.Routing.Kind, m.Routing.Routes = Fixed5, []string{"a", "a"} }, "2 routes; a fixed5"},
		{func(m *Model) { m.Routing.Kind, m.Routing.Routes = Fixed5, []string{"a", "b", "a", "", ""} }, `route "a" occurs twice`},
		{func(m *Model) { m.Routing.Bounds = Bounds{Capacity: 0.5, Stretch: 2, Level: 2} }, "want factors above 1"},
		{func(m *Model) { m.Routing.Layers = nil }, "0 layers"},
		{func(m *Model) { m.Routing.Kind = Softmax }, "10 outputs (ReLU false); want 1"},
		{func(m *Model) { m.Routing.Layers[1].ReLU = true }, "ReLU true"},
		{func(m *Model) { m.Routing.Layers[1].In = 7 }, "layer 2: it takes 7 inputs; 8 come in"},
		{func(m *Model) { m.Routing.Layers[0].W = m.Routing.Layers[0].W[1:] }, "layer 1: 15 weights"},
		{func(m *Model) { m.Routing.Layers[0].Out = 1 << 20 }, "1 to 65536"},
		{func(m *Model) { m.Failure.Layers[0].B[2] = float32(math.Inf(-1)) }, "failure: layer 1: parameter 2 is -Inf"},
		{func(m *Model) { m.Failure.Bins[1] = time.Second }, "bin 1 ends at 1s"},
		{func(m *Model) { m.Failure.Bins[1] = 20 * time.Second }, "want the horizon, 30s"},
		{func(m *Model) { m.Failure.Bins = nil }, "no bins"},
		{func(m *Model) { m.Failure.BaseRate = math.NaN() }, "base rate is NaN"},
		{func(m *Model) { m.Failure.Calibration.Low = nil }, "calibration: 2, 2, 0 and 2"},
		{func(m *Model) { m.Failure.Calibration.Y[1] = 0.7 }, "knot 1: want 0 ≤ low"},
		{func(m *Model) { m.Failure.Calibration.X[1] = 0 }, "knot 1: x must increase"},
		{func(m *Model) { m.Card.Levels["checkout"]["b"] = Level{CapacityRPS: math.NaN()} }, "level of checkout/b"},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			m := sample()
			test.spoil(m)
			if err := m.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want one with %q", err, test.want)
			}
		})
	}
}

func TestScaler(t *testing.T) {
	s := Scaler{Center: []float32{1, 0, 0, 5}, Scale: []float32{2, 1, 1, 1}, Impute: []float32{0, 3, 0, 0}, Low: []float32{0, 0, 0, 5}, High: []float32{10, 1, 1, 5}}
	row := []float32{2, float32(math.NaN()), 100, -1e9}
	s.Apply(row, row)
	if want := [4]float32{0.5, 3, Clip, -Clip}; [4]float32(row) != want {
		t.Errorf("scaled %v; want %v", row, want)
	}
	for _, test := range []struct {
		column int
		x      float32
		want   float64
	}{{0, 5, 0}, {0, 10, 0}, {0, 20, 1}, {0, -30, 3}, {3, 7, 2}, {0, float32(math.NaN()), 0}} {
		if got := s.Beyond(test.column, test.x); got != test.want {
			t.Errorf("column %d, %v: beyond by %v; want %v", test.column, test.x, got, test.want)
		}
	}
}

func TestFeatureConfig(t *testing.T) {
	m := sample()
	m.Features.Recent = 3
	if got := m.FeatureConfig().Recent; got != 3 {
		t.Errorf("recent is %v; want what was kept", got)
	}
	m.Features, m.Timing.Horizon, m.Objective.MaxErrorRatio = nil, time.Minute, 0.2
	if cfg := m.FeatureConfig(); cfg.Horizon != time.Minute || cfg.Objective.MaxErrorRatio != 0.2 || cfg.Validate() != nil {
		t.Errorf("config %+v: want the model's horizon and objective", cfg)
	}
}
