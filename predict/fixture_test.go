package predict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

var nan32 = float32(math.NaN())

func lab() *mesh.Schema {
	return &mesh.Schema{Name: "lab", Series: []mesh.Series{{Name: mesh.RequestRate, Query: "q"}}}
}

func names() []string {
	var all []string
	for _, c := range features.Columns() {
		all = append(all, c.Name)
	}
	return all
}

// frame is of a service with n endpoints, its values random and sane.
func frame(rng *rand.Rand, n int) *features.Frame {
	f := &features.Frame{Names: names()}
	f.Service, f.Schema = "checkout", lab()
	for i := range n {
		f.Endpoints = append(f.Endpoints, mesh.Endpoint{Name: fmt.Sprint("e", i)})
	}
	f.X = make([]float32, n*len(f.Names))
	for i := range f.X {
		f.X[i] = rng.Float32()
	}
	for i := range n {
		set(f, i, "latency_ref_seconds", 0.01+0.1*rng.Float32())
		set(f, i, "capacity_rps", 10+90*rng.Float32())
		set(f, i, "service_seconds", 0.01+0.01*rng.Float32())
		set(f, i, "missing_ratio", 0)
	}
	return f
}

func set(f *features.Frame, i int, column string, v float32) { f.Row(i)[f.Column(column)] = v }

func scaler(columns int) model.Scaler {
	fill := func(v float32) []float32 {
		s := make([]float32, columns)
		for i := range s {
			s[i] = v
		}
		return s
	}
	return model.Scaler{Center: fill(0.5), Scale: fill(0.3), Impute: fill(0.5), Low: fill(0), High: fill(1)}
}

// layers has random weights of the given size.
func layers(rng *rand.Rand, size float64, widths ...int) []model.Layer {
	var all []model.Layer
	for i := 1; i < len(widths); i++ {
		l := model.Layer{In: widths[i-1], Out: widths[i], ReLU: i < len(widths)-1, W: make([]float32, widths[i-1]*widths[i]), B: make([]float32, widths[i])}
		for j := range l.W {
			l.W[j] = float32(size * rng.NormFloat64() * math.Sqrt(2/float64(l.In)))
		}
		for j := range l.B {
			l.B[j] = float32(size * rng.NormFloat64())
		}
		all = append(all, l)
	}
	return all
}

// trained is a random model of the given kind, with a failure network.
func trained(rng *rand.Rand, kind model.Kind) *model.Model {
	m := &model.Model{
		Format: model.Format, Name: "test", Schema: *lab(), Objective: mesh.DefaultObjective(),
		Timing: mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Horizon: 30 * time.Second},
	}
	n := &model.Network{Kind: kind}
	in, out := 0, 0
	switch kind {
	case model.Outcome:
		n.Columns, n.Bounds, out = features.Outcome(), model.DefaultBounds(), model.OutcomeOutputs
	case model.Softmax:
		n.Columns, out = features.Routing(), 1
	case model.Fixed5:
		n.Columns, out = []string{"log_request_rate", "log_latency_mean", "error_ratio", "log_in_flight"}, 5
		n.Routes = []string{"e0", "e1", "e2", "e3", ""}
		in = 5 * len(n.Columns)
	}
	if in == 0 {
		in = len(n.Columns)
	}
	n.Scaler, n.Layers = scaler(len(n.Columns)), layers(rng, 1, in, 32, 16, out)
	m.Routing = n
	columns := features.Failure()
	m.Failure = &model.Hazard{
		Columns: columns, Scaler: scaler(len(columns)), Layers: layers(rng, 1, len(columns), 16, 3),
		Bins:        []time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second},
		Calibration: model.Calibration{X: []float64{0, 1}, Y: []float64{0, 0.8}, Low: []float64{0, 0.7}, High: []float64{0.1, 0.9}},
		BaseRate:    0.05,
	}
	return m
}

func compile(t testing.TB, m *model.Model) *Predictor {
	t.Helper()
	p, err := Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
