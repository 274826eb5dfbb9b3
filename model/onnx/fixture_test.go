package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// trained is a random model with a routing network of the given kind ("" for
// none) and a failure network.
func trained(kind model.Kind) *model.Model {
	rng := rand.New(rand.NewPCG(1, 2))
	cfg := features.DefaultConfig()
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	columns := features.Failure()
	m := &model.Model{
		Format: model.Format, Name: "shop", Version: 3, Created: at, Features: &cfg, Objective: mesh.DefaultObjective(),
		Schema: mesh.Schema{Name: "lab", Labels: mesh.Labels{Service: "service", Endpoint: "endpoint"}, Step: 5 * time.Second, Series: []mesh.Series{{Name: mesh.RequestRate, Query: "rate(requests_total[$range])"}}},
		Timing: mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Delay: 2 * time.Second, Horizon: 30 * time.Second},
		Failure: &model.Hazard{
			Columns: columns, Scaler: scaler(rng, len(columns)), Layers: layers(rng, len(columns), 8, 2), Bins: []time.Duration{10 * time.Second, 30 * time.Second},
			Calibration: model.Calibration{X: []float64{0, 0.5}, Y: []float64{0.01, 0.4}, Low: []float64{0, 0.3}, High: []float64{0.03, 0.6}}, BaseRate: 0.03,
		},
		Card: model.Card{
			MadeBy: "fairway test", Seed: 7, Notes: []string{"cart: no choice, not trained"},
			Recordings: []model.Provenance{{Path: "recordings/shop", Services: []string{"checkout"}, Start: at, End: at.Add(time.Hour), SHA256: "00ff"}},
			Figures:    model.Figures{"test.cost_seconds": 0.0625, "test.ratio": math.Inf(1)},
			Levels:     map[string]map[string]model.Level{"checkout": {"checkout-1": {LatencySeconds: 0.02, CapacityRPS: 80, Windows: 700}}},
		},
	}
	n := &model.Network{Kind: kind}
	switch kind {
	case model.Outcome:
		n.Columns = features.Outcome()
		n.Layers, n.Bounds = layers(rng, len(n.Columns), 16, 8, model.OutcomeOutputs), model.DefaultBounds()
		n.Members, n.Mean = [][]model.Layer{layers(rng, len(n.Columns), 16, 8, model.OutcomeOutputs)}, true
		n.Doubt = &model.Doubt{Whiten: layers(rng, len(n.Columns), 4)[0], Distance: model.Limits{2, 1.5}, Spread: model.Limits{0.3}, Latency: model.Span{Low: 0.01, High: 1}}
	case model.Softmax:
		n.Columns = features.Routing()
		n.Layers = layers(rng, len(n.Columns), 16, 1)
	case model.Fixed5:
		n.Columns, n.Routes = []string{"log_request_rate", "log_latency_mean", "error_ratio", "log_in_flight"}, []string{"a", "b", "c", "d", ""}
		n.Layers = layers(rng, 20, 8, 5)
	default:
		return m
	}
	n.Scaler = scaler(rng, len(n.Columns))
	m.Routing = n
	return m
}

func scaler(rng *rand.Rand, n int) model.Scaler {
	s := model.Scaler{}
	for range n {
		center, scale := float32(rng.NormFloat64()), float32(math.Exp(rng.NormFloat64()))
		s.Center, s.Scale = append(s.Center, center), append(s.Scale, scale)
		s.Impute = append(s.Impute, center+scale*float32(rng.NormFloat64()))
		s.Low, s.High = append(s.Low, center-3*scale), append(s.High, center+3*scale)
	}
	return s
}

func layers(rng *rand.Rand, widths ...int) []model.Layer {
	var all []model.Layer
	for i := 1; i < len(widths); i++ {
		in, out := widths[i-1], widths[i]
		all = append(all, model.Layer{In: in, Out: out, ReLU: i < len(widths)-1, W: normal(rng, in*out, math.Sqrt(2/float64(in))), B: normal(rng, out, 1)})
	}
	return all
}

func normal(rng *rand.Rand, n int, size float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(size * rng.NormFloat64())
	}
	return x
}

// plain is what layers answer to a row, in float64.
func plain(layers []model.Layer, x []float64) []float64 {
	for _, l := range layers {
		y := make([]float64, l.Out)
		for o := range y {
			y[o] = float64(l.B[o])
			for i, v := range x {
				y[o] += float64(l.W[o*l.In+i]) * v
			}
			if l.ReLU {
				y[o] = max(y[o], 0)
			}
		}
		x = y
	}
	return x
}

// single and double are tensors as exporters write them.
func single(name string, values []float32, dims ...int64) tensor {
	t := tensor{name: name, kind: float32Kind, dims: dims}
	for _, v := range values {
		t.data = binary.LittleEndian.AppendUint32(t.data, math.Float32bits(v))
	}
	return t
}

func double(name string, values []float32, dims ...int64) tensor {
	t := tensor{name: name, kind: float64Kind, dims: dims}
	for _, v := range values {
		t.data = binary.LittleEndian.AppendUint64(t.data, math.Float64bits(float64(v)))
	}
	return t
}

// turned is the transpose of a matrix.
func turned(w []float32, rows, columns int) []float32 {
	t := make([]float32, len(w))
	for r := range rows {
		for c := range columns {
			t[c*rows+r] = w[r*columns+c]
		}
	}
	return t
}

func input(name string, kind int64, dims ...int64) value {
	v := value{name: name, kind: kind, dims: []dim{{name: "batch"}}}
	for _, d := range dims {
		v.dims = append(v.dims, dim{size: d})
	}
	return v
}

func integer(name string, i int64) attribute {
	return attribute{name: name, kind: intAttribute, i: i}
}

func real(name string, f float32) attribute {
	return attribute{name: name, kind: floatAttribute, f: f}
}

func read(t testing.TB, content []byte) *File {
	t.Helper()
	f, err := Read(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return f
}
