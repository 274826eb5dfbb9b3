package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// headRows is how many endpoints' outputs are compared.
const headRows = 10_000

// untrained is a model around a network with random weights everywhere.
func untrained(t *testing.T, set *Set, kind model.Kind, random *rand.Rand) (*model.Model, task) {
	t.Helper()
	cfg := quick()
	cfg.Network = kind
	f := &fitting{set: set, cfg: cfg, columns: columnsOf(set)}
	built, network, err := f.routingTask(map[string]bool{})
	if err != nil {
		t.Fatal(err)
	}
	last := &built.layers[len(built.layers)-1]
	for i := range last.W {
		last.W[i] += float32(0.05 * random.NormFloat64())
	}
	network.Layers = built.layers
	return &model.Model{Format: model.Format, Schema: set.Schema, Timing: set.Timing, Objective: cfg.Objective, Routing: network}, built
}

// TestOutcomeHeadAgreesWithServing takes what serving predicts as what came:
// then no output can do better, and the loss has no slope.
func TestOutcomeHeadAgreesWithServing(t *testing.T) {
	random := seeded(21)
	set := world{service: "s", endpoints: 25, moments: headRows / 25, seed: 21}.set()
	m, _ := untrained(t, set, model.Outcome, random)
	p, err := predict.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	in, err := earlierInputs(set, m.Routing.Columns, m.Routing.Scaler)
	if err != nil {
		t.Fatal(err)
	}
	a, err := anchorsOf(set)
	if err != nil {
		t.Fatal(err)
	}
	x, compared := make([]float32, len(in.names)), 0
	for k := range set.Histories[0].Moments {
		moment := &set.Histories[0].Moments[k]
		served := make([]predict.Prediction, len(moment.Endpoints))
		load := make([]float64, len(served))
		for i := range load {
			load[i] = 1.5 * worldCapacity * random.Float64()
		}
		if err := p.Predict(served, set.frame(moment), load); err != nil {
			t.Fatal(err)
		}
		for i, s := range served {
			moment.After[i] = Seen{Requests: 1, Rate: load[i], Mean: s.Mean, P50: s.P50, P90: s.P90, P99: s.P99, ErrorRatio: s.ErrorRatio}
			target, ok := a.target(moment, i, len(set.Columns))
			if !ok {
				t.Fatalf("%s: no target", moment.Endpoints[i])
			}
			in.scaled(x, moment.row(i, len(set.Columns)))
			out, err := forward(m.Routing.Layers, x)
			if err != nil {
				t.Fatal(err)
			}
			var g [model.OutcomeOutputs]float64
			curve{model.DefaultBounds()}.row(out, target[:], &g)
			for output, slope := range g {
				if math.Abs(slope) > 5e-5 { // targets are float32
					t.Fatalf("%s %s at load %.2f: output %d has slope %v where training and serving agree", moment.Service, moment.Endpoints[i], target[targetLoad], output, slope)
				}
			}
			compared++
		}
	}
	if compared < headRows {
		t.Errorf("only %d rows were compared", compared)
	}
}

// TestChoiceHeadsAgreeWithServing does so for the two softmax networks.
func TestChoiceHeadsAgreeWithServing(t *testing.T) {
	for _, kind := range []model.Kind{model.Softmax, model.Fixed5} {
		random := seeded(22)
		set := world{service: "s", endpoints: 5, moments: headRows / 5, seed: 22}.set()
		m, built := untrained(t, set, kind, random)
		p, err := predict.Compile(m)
		if err != nil {
			t.Fatal(err)
		}
		out, err := forward(built.layers, built.train.x)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for k := range built.train.groups() * built.train.group * built.train.targets / 5 {
			moment := &set.Histories[0].Moments[k]
			served := make([]predict.Prediction, 5)
			if err := p.Predict(served, set.frame(moment), nil); err != nil {
				t.Fatal(err)
			}
			target, grad := make([]float32, 5), make([]float32, 5)
			for i := range served {
				target[i] = float32(served[i].Preference)
			}
			choice{1, 5}.value(out[5*k:5*k+5], target, grad)
			for _, g := range grad {
				worst = math.Max(worst, math.Abs(float64(g)))
			}
		}
		if !(worst < 1e-5) {
			t.Errorf("%s: preferences differ by %v", kind, worst)
		}
	}
}

// TestHazardHeadAgreesWithServing: the likelihood of surviving all bins is one
// minus the probability that serving gives.
func TestHazardHeadAgreesWithServing(t *testing.T) {
	random := seeded(23)
	set := world{service: "s", endpoints: 25, moments: headRows / 25, seed: 23, failures: true}.set()
	examples, _ := survivals(set, map[string]Limits{"s": {Latency: 10, Errors: 0.3}}, 10)
	bins := binsOf(set.Timing)
	network, _, hazard, err := hazardTasks(set, columnsOf(set), examples, bins, nil, random)
	if err != nil {
		t.Fatal(err)
	}
	last := &network.layers[len(network.layers)-1]
	copy(last.W, normals(random, len(last.W)))
	hazard.Layers = network.layers
	p, err := predict.Compile(&model.Model{Format: model.Format, Schema: set.Schema, Timing: set.Timing, Objective: DefaultConfig().Objective, Failure: hazard})
	if err != nil {
		t.Fatal(err)
	}
	out, err := forward(network.layers, network.train.x)
	if err != nil {
		t.Fatal(err)
	}
	survived := []float32{float32(len(bins)), 0, 1}
	for k, e := range partOf(set, examples, datasets.Train) {
		served := make([]predict.Failure, len(e.moment.Endpoints))
		if err := p.Forecast(served, set.frame(e.moment)); err != nil {
			t.Fatal(err)
		}
		loss := survival{len(bins)}.value(out[k*len(bins):(k+1)*len(bins)], survived, nil)
		if got, want := served[e.index].Probability, -math.Expm1(-loss); math.Abs(got-want) > 1e-5 {
			t.Fatalf("serving says %v, training %v", got, want)
		}
	}
}
