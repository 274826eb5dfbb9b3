package main

import (
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets/lab"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

func TestBenchTrial(t *testing.T) {
	b, err := newTrialBench(trialOptions{runs: 4, seed: 1, window: 5 * time.Second, only: []string{"same + slow-down", "jittered + faults", "inverted", "herd"}}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	figures, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(figures) != 4 {
		t.Fatalf("%d changes", len(figures))
	}
	for _, f := range figures {
		if want := map[bool]int{true: 4}[f.Bad]; f.RolledBack != want || f.RolledBack+f.Adopted != 4 {
			t.Errorf("%s: %d rolled back and %d adopted of 4; want %d rolled back", f.Change, f.RolledBack, f.Adopted, want)
		}
	}
	if inverted := figures[2]; inverted.Change != "inverted" || inverted.Longest > 60 || inverted.By > 0.2 {
		t.Errorf("%+v; want it within a minute, at the canary's share", inverted)
	}
}

// The inverted model gives the inverse of the weights, and is a valid model.
func TestInvertedModel(t *testing.T) {
	m := softmaxModel()
	bad, err := invertedModel(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := bad.Validate(); err != nil {
		t.Fatal(err)
	}
	good, inverse := preferences(t, m), preferences(t, bad)
	sum := 0.0
	for _, w := range good {
		sum += 1 / w
	}
	for i, w := range good {
		if math.Abs(inverse[i]-1/w/sum) > 1e-4 {
			t.Errorf("endpoint %d: weight %v became %v; want %v", i, w, inverse[i], 1/w/sum)
		}
	}
	again := preferences(t, retrainedModel(m, 2))
	for i := range good {
		if again[i] == good[i] || math.Abs(again[i]-good[i]) > 0.1 {
			t.Errorf("endpoint %d: weight %v became %v by being trained again; want it near, and another", i, good[i], again[i])
		}
	}
	if _, err := invertedModel(&model.Model{Routing: &model.Network{Kind: model.Outcome}}); err == nil {
		t.Error("an outcome network was inverted")
	}
}

func softmaxModel() *model.Model {
	return &model.Model{
		Format: model.Format, Name: "test", Schema: mesh.Schema{Name: "test", Series: []mesh.Series{{Name: mesh.RequestRate, Query: "r"}}},
		Timing:    mesh.Timing{Step: time.Second, Range: time.Second, Horizon: time.Minute},
		Objective: mesh.DefaultObjective(),
		Routing: &model.Network{
			Kind: model.Softmax, Columns: []string{"x"},
			Scaler: model.Scaler{Center: []float32{0}, Scale: []float32{1}, Impute: []float32{0}, Low: []float32{-10}, High: []float32{10}},
			Layers: []model.Layer{{In: 1, Out: 2, ReLU: true, W: []float32{1, -1}, B: []float32{0.1, 0.2}}, {In: 2, Out: 1, W: []float32{1, -0.5}, B: []float32{0.3}}},
		},
	}
}

func preferences(t *testing.T, m *model.Model) []float64 {
	t.Helper()
	p, err := predict.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	f := &features.Frame{Window: mesh.Window{Service: "s", Schema: &m.Schema, Endpoints: []mesh.Endpoint{{Name: "a"}, {Name: "b"}, {Name: "c"}}}, Names: []string{"x"}, X: []float32{-1, 0.5, 2}}
	got := make([]predict.Prediction, 3)
	if err := p.Predict(got, f, nil); err != nil {
		t.Fatal(err)
	}
	return []float64{got[0].Preference, got[1].Preference, got[2].Preference}
}

func TestTraffic(t *testing.T) {
	var all traffic
	start := time.Now()
	for i := range 200 {
		a := lab.Answer{Endpoint: "a", At: start.Add(time.Duration(i) * time.Second), Latency: time.Duration(i) * time.Millisecond, Status: 200}
		if i == 50 {
			a.Status, a.Endpoint = 0, "b"
		}
		all.done(a)
	}
	m := all.between(start, start.Add(100*time.Second))
	if m.requests != 100 || m.mean != 49.5 || m.p99 != 98 || m.failed != 0.01 || m.shares() != "a 99, b 1" {
		t.Errorf("%+v, %s", m, m.shares())
	}
	if none := all.between(start.Add(time.Hour), start.Add(2*time.Hour)); none.requests != 0 || !math.IsNaN(none.p99) || none.shares() != "" {
		t.Errorf("%+v of no time", none)
	}
}
