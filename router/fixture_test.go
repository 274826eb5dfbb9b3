package router

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router/rules"
)

var nan = math.NaN()

var schema = &mesh.Schema{Name: "test", Step: 5 * time.Second, Range: 10 * time.Second, Series: []mesh.Series{
	{Name: mesh.RequestRate, Query: "r"}, {Name: mesh.ErrorRatio, Query: "e"}, {Name: mesh.LatencyMean, Query: "m"},
	{Name: mesh.InFlight, Query: "i"}, {Name: mesh.LatencyP99, Query: "p"}, {Name: mesh.Up, Query: "u"},
}}

// seen is one endpoint in one window. Subset and zone are the endpoint's.
type seen struct {
	name, subset                 string
	rate, errors, mean, inFlight float64
	up                           float64
	capacity                     float64
}

// well answers 20 requests/s in 20 ms and could answer 100.
func well(name, subset string) seen {
	return seen{name: name, subset: subset, rate: 20, mean: 0.020, inFlight: 0.4, up: 1, capacity: 100}
}

func (s seen) slow(factor float64) seen { s.mean *= factor; return s }

func (s seen) down() seen {
	return seen{name: s.name, subset: s.subset, rate: nan, errors: nan, mean: nan, inFlight: nan, up: 0, capacity: nan}
}

func (s seen) failing(ratio float64) seen { s.errors = ratio; return s }

var epoch = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)

// frame is the k-th window of checkout, 5 s apart, with the columns that
// models of these tests read.
func frame(k int, endpoints ...seen) *features.Frame {
	at := epoch.Add(time.Duration(k) * 5 * time.Second)
	f := &features.Frame{
		Window:    mesh.Window{Service: "checkout", Schema: schema, Time: at, Start: at.Add(-12 * time.Second), End: at.Add(-2 * time.Second)},
		Names:     append([]string{"missing_ratio", "error_ratio"}, predict.AnchorColumns()...),
		Objective: mesh.DefaultObjective(),
	}
	for _, e := range endpoints {
		f.Endpoints = append(f.Endpoints, mesh.Endpoint{Name: e.name, Subset: e.subset})
		f.Values = append(f.Values, e.rate, e.errors, e.mean, e.inFlight, e.mean*3, e.up)
		f.Requests = append(f.Requests, e.rate*10)
		f.X = append(f.X, 0, float32(e.errors))
		// As predict.AnchorColumns has them: one request at a time, nothing waits,
		// and what is above a queue's latency is its level.
		q := features.Queue{Capacity: e.capacity, Concurrency: 1, Horizon: 10, Stretch: 1}
		f.X = append(f.X, float32(e.mean), float32(e.capacity), float32(1/e.capacity), float32(e.rate/e.capacity), 0,
			float32(math.Log(10*e.capacity)), 2, float32(e.errors), float32(math.Log(e.mean/q.Mean(e.rate))))
	}
	f.Anomalies = make([]features.Anomaly, len(endpoints))
	return f
}

func six() []seen {
	var list []seen
	for i := range 6 {
		list = append(list, well(fmt.Sprintf("c%d", i+1), "v1"))
	}
	return list
}

// uncorrected is a model that corrects nothing of the queue's formula, and whose
// forecast is the error ratio itself, steeply: below 0.3 no failure is likely,
// above it is all but certain.
func uncorrected(t testing.TB) *model.Model {
	t.Helper()
	scaler := model.Scaler{Center: []float32{0}, Scale: []float32{1}, Impute: []float32{0}, Low: []float32{0}, High: []float32{1}}
	bias := make([]float32, model.OutcomeOutputs)
	return &model.Model{
		Format: model.Format, Name: "formula", Version: 3, Schema: *schema, Objective: mesh.DefaultObjective(),
		Timing: mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Delay: 2 * time.Second, Horizon: 30 * time.Second},
		Routing: &model.Network{
			Kind: model.Outcome, Bounds: model.DefaultBounds(), Columns: []string{"error_ratio"}, Scaler: scaler,
			Layers: []model.Layer{{In: 1, Out: model.OutcomeOutputs, W: make([]float32, model.OutcomeOutputs), B: bias}},
		},
		Failure: &model.Hazard{
			Columns: []string{"error_ratio"}, Scaler: scaler, BaseRate: 0.01, Bins: []time.Duration{30 * time.Second},
			Layers: []model.Layer{{In: 1, Out: 1, W: []float32{100}, B: []float32{-30}}},
		},
	}
}

func compiledModel(t testing.TB, m *model.Model) *predict.Predictor {
	t.Helper()
	p, err := predict.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// learnt is Learned with that model, already warm.
func learnt(t testing.TB) Policy {
	t.Helper()
	cfg := DefaultConfig()
	cfg.WarmUp = 0
	m := uncorrected(t)
	return Learned(m, compiledModel(t, m), cfg)
}

func ruleSet(t testing.TB, text string) *rules.Set {
	t.Helper()
	f, err := rules.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := rules.Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decide(t testing.TB, p Policy, f *features.Frame) Decision {
	t.Helper()
	var d Decision
	if err := p.Decide(&d, f); err != nil {
		t.Fatalf("%s: %v", p.Name(), err)
	}
	if err := d.Weights.Validate(); err != nil {
		t.Fatalf("%s: %v", p.Name(), err)
	}
	return d
}

func near(t testing.TB, what string, got, want, slack float64) {
	t.Helper()
	if !(math.Abs(got-want) <= slack) {
		t.Errorf("%s is %v; want %v ± %v", what, got, want, slack)
	}
}

type (
	endpoint = mesh.Endpoint
	frameOf  = features.Frame
)
