package predict

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// answers is everything that p says of f.
type answers struct {
	Predictions []Prediction
	Curves      []Curve
	Failures    []Failure
}

func ask(t *testing.T, p *Predictor, f *features.Frame, load []float64) answers {
	t.Helper()
	n := len(f.Endpoints)
	a := answers{make([]Prediction, n), make([]Curve, n), make([]Failure, n)}
	if err := p.Predict(a.Predictions, f, load); err != nil {
		t.Fatal(err)
	}
	if err := p.Curves(a.Curves, f, 1); err != nil && !errors.Is(err, ErrNoNetwork) {
		t.Fatal(err)
	}
	if err := p.Forecast(a.Failures, f); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestOrderDoesNotMatter: shuffled endpoints get the same answers, shuffled.
func TestOrderDoesNotMatter(t *testing.T) {
	for _, kind := range model.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			p := compile(t, trained(rng, kind))
			f := frame(rng, 7)
			load := []float64{1, 2, 4, 8, 16, 32, 64}
			want := ask(t, p, f, load)
			order := rng.Perm(7)
			shuffled := f.Clone()
			moved := make([]float64, 7)
			for to, from := range order {
				shuffled.Endpoints[to], moved[to] = f.Endpoints[from], load[from]
				copy(shuffled.Row(to), f.Row(from))
			}
			got := ask(t, p, shuffled, moved)
			near := cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-12)} // softmax sums in another order
			for to, from := range order {
				if diff := cmp.Diff(want.Predictions[from], got.Predictions[to], near); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(want.Curves[from], got.Curves[to], near); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(want.Failures[from], got.Failures[to], near); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestOutcomeIsTheFormula works the outputs out by hand: a network without
// weights answers its biases, whatever goes in.
func TestOutcomeIsTheFormula(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	m := trained(rng, model.Outcome)
	o := []float32{-0.5, 0.1, -1, -2, -3, -4, 2, 0.3, 0.7, -0.2}
	m.Routing.Layers = []model.Layer{{In: len(m.Routing.Columns), Out: 10, W: make([]float32, 10*len(m.Routing.Columns)), B: o}}
	f := frame(rng, 1)
	set(f, 0, "latency_ref_seconds", 0.5)
	set(f, 0, "capacity_rps", 64)
	set(f, 0, "load_now", 0.25)
	set(f, 0, "service_seconds", 0.03125)
	set(f, 0, "waiting", 5)
	set(f, 0, "log_span", float32(math.Log(320))) // 10 s
	set(f, 0, "metrics_age", 2)
	set(f, 0, "error_recent", 0.01)
	set(f, 0, "log_excess", 0.4)
	bounds := model.DefaultBounds()
	q := features.Queue{Concurrency: 2, Horizon: 12,
		Capacity: 64 * math.Exp(math.Log(bounds.Capacity)*math.Tanh(0.1/math.Log(bounds.Capacity))),
		Stretch:  math.Exp(math.Log(bounds.Stretch) * math.Tanh(-1/math.Log(bounds.Stretch))),
		Waiting:  5 * 2 / (1 + math.Exp(2))}
	persist := 1 / (1 + math.Exp(3.5))
	level := math.Exp((1-persist)*0.4 + persist*math.Log(0.5/q.Mean(16)) + math.Log(bounds.Level)*math.Tanh(-3/math.Log(bounds.Level)))
	sp := func(k int) float64 { return math.Log(1 + math.Exp(float64(o[k]))) }
	for _, load := range []float64{0, 16, 48, 100, 192, 1e9} {
		var want Prediction
		want.Mean = level * q.Mean(load)
		middle := want.Mean * math.Exp(2*math.Tanh(float64(o[7])/2))
		want.P90 = middle * (1 + sp(8))
		want.P99 = want.P90 * (1 + sp(9))
		want.ErrorRatio = 1 / (1 + math.Exp(-(math.Log(0.01/0.99) + float64(o[5]) + sp(6)*(load-16)/q.Capacity)))
		want.P50 = middle * math.Exp(-4/(1+math.Exp(-10*(want.ErrorRatio-0.5))))
		want.Preference = math.NaN()
		got := ask(t, compile(t, m), f, []float64{load}).Predictions[0]
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-6, 0)); diff != "" {
			t.Errorf("at %v rps (-want +got)\n%s", load, diff)
		}
	}
	observed := ask(t, compile(t, m), f, nil)
	if diff := cmp.Diff(ask(t, compile(t, m), f, []float64{16}), observed, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("no load is not the load of the frame (-want +got)\n%s", diff)
	}
}

func TestSoftmaxPreferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	f := frame(rng, 6)
	set(f, 2, "utilization", nan32)
	m := trained(rng, model.Softmax)
	m.Routing.Layers[2].B[0] = 1e4 // does not overflow, does not matter
	sum := 0.0
	for i, a := range ask(t, compile(t, m), f, nil).Predictions {
		if !(a.Preference > 0) || !math.IsNaN(a.Mean) {
			t.Errorf("endpoint %d: %+v; want a preference and nothing else", i, a)
		}
		sum += a.Preference
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("preferences sum to %v", sum)
	}
	if err := compile(t, m).Curves(make([]Curve, 6), f, 1); !errors.Is(err, ErrNoNetwork) {
		t.Errorf("curves of a softmax network: %v", err)
	}
}

func TestFixedRoutes(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	p := compile(t, trained(rng, model.Fixed5))
	f := frame(rng, 6) // e4 and e5 are no routes
	f.Endpoints[1].Name = "another"
	got := ask(t, p, f, nil).Predictions
	sum := 0.0
	for i, known := range []bool{true, false, true, true, false, false} {
		if math.IsNaN(got[i].Preference) == known {
			t.Errorf("%s has preference %v", f.Endpoints[i].Name, got[i].Preference)
		}
		if known {
			sum += got[i].Preference
		}
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("preferences sum to %v", sum)
	}
	// The missing route's inputs are zeros, so what "another" does is nothing
	// to the network.
	set(f, 1, "error_ratio", 0.9)
	if diff := cmp.Diff(got, ask(t, p, f, nil).Predictions, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	for i := range f.Endpoints {
		f.Endpoints[i].Name = "none"
	}
	if err := p.Predict(got, f, nil); !errors.Is(err, ErrUnfamiliar) {
		t.Errorf("no route at all: %v", err)
	}
}

// TestOneUnknownEndpointIsNotAll: without a latency or a capacity it gets no
// curve; the others do not notice.
func TestOneUnknownEndpointIsNotAll(t *testing.T) {
	for column, v := range map[string]float32{"latency_ref_seconds": nan32, "capacity_rps": 0, "load_now": nan32} {
		rng := rand.New(rand.NewPCG(5, 5))
		p := compile(t, trained(rng, model.Outcome))
		f := frame(rng, 3)
		want := ask(t, p, f, []float64{1, 2, 3})
		set(f, 1, column, v)
		got := ask(t, p, f, []float64{1, 2, 3})
		if c := got.Curves[1]; c.Known || !math.IsNaN(c.Mean(5)) || !math.IsNaN(c.Errors(5)) || !math.IsNaN(c.Cost(5, p.model.Objective)) {
			t.Errorf("%s: curve %+v is known", column, c)
		}
		if diff := cmp.Diff(nothing, got.Predictions[1], cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: %s", column, diff)
		}
		for _, i := range []int{0, 2} {
			if diff := cmp.Diff(want.Predictions[i], got.Predictions[i], cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("%s: endpoint %d changed\n%s", column, i, diff)
			}
		}
	}
}

// TestUnknownIsImputed: an input that is not known counts as the scaler says.
func TestUnknownIsImputed(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	p := compile(t, trained(rng, model.Outcome))
	f := frame(rng, 2)
	set(f, 0, "utilization", 0.5)
	want := ask(t, p, f, nil)
	set(f, 0, "utilization", nan32)
	if diff := cmp.Diff(want.Curves, ask(t, p, f, nil).Curves); diff != "" {
		t.Error(diff)
	}
}

func TestRefusals(t *testing.T) {
	inf := float32(math.Inf(1))
	drop := func(f *features.Frame, column string) {
		f.Names = slices.Clone(f.Names)
		f.Names[f.Column(column)] = "something_else"
	}
	tests := map[string]struct {
		spoil func(m *model.Model, f *features.Frame)
		err   error
		want  string
		asked string // which call refuses: p(redict), f(orecast), both
	}{
		"infinite input":    {func(_ *model.Model, f *features.Frame) { set(f, 1, "utilization", inf) }, ErrNotFinite, "utilization of checkout/e1 is +Inf", "pf"},
		"infinite latency":  {func(_ *model.Model, f *features.Frame) { set(f, 0, "latency_ref_seconds", -inf) }, ErrNotFinite, "checkout/e0", "p"},
		"missing columns":   {func(_ *model.Model, f *features.Frame) { drop(f, "utilization"); drop(f, "up") }, ErrSchema, "lacks the columns utilization, up", "pf"},
		"only for failures": {func(_ *model.Model, f *features.Frame) { drop(f, "crossing_error") }, ErrSchema, "lacks the columns crossing_error", "f"},
		"no capacity":       {func(_ *model.Model, f *features.Frame) { drop(f, "capacity_rps") }, ErrSchema, "lacks the columns capacity_rps", "p"},
		"other schema":      {func(_ *model.Model, f *features.Frame) { f.Schema = lab(); f.Schema.Series[0].Query = "other" }, ErrSchema, `trained on schema "lab"`, "pf"},
		"no schema":         {func(_ *model.Model, f *features.Frame) { f.Schema = nil }, ErrSchema, "no schema", "pf"},
		"ragged":            {func(_ *model.Model, f *features.Frame) { f.X = f.X[1:] }, ErrSchema, "values for 2 endpoints", "pf"},
		"no routing":        {func(m *model.Model, _ *features.Frame) { m.Routing = nil }, ErrNoNetwork, "without a routing network", "p"},
		"no failure":        {func(m *model.Model, _ *features.Frame) { m.Failure = nil }, ErrNoNetwork, "without a failure network", "f"},
		"overflow": {func(m *model.Model, f *features.Frame) {
			for _, s := range []*model.Scaler{&m.Routing.Scaler, &m.Failure.Scaler} {
				clear(s.Center) // all inputs are positive: no ReLU stops them
			}
			for _, l := range append(slices.Clone(m.Routing.Layers), m.Failure.Layers...) {
				for i := range l.W {
					l.W[i] = 1e30
				}
			}
		}, ErrNotFinite, "of the network is", "pf"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			m, f := trained(rng, model.Outcome), frame(rng, 2)
			test.spoil(m, f)
			p := compile(t, m)
			for call, err := range map[string]error{
				"p": p.Predict(make([]Prediction, 2), f, nil),
				"f": p.Forecast(make([]Failure, 2), f),
			} {
				if !strings.Contains(test.asked, call) {
					if err != nil {
						t.Errorf("%s: %v", call, err)
					}
				} else if !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: error %v; want %v with %q", call, err, test.err, test.want)
				}
			}
		})
	}
}

func TestLoadsAreChecked(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	p, f := compile(t, trained(rng, model.Outcome)), frame(rng, 2)
	for _, load := range []float64{math.NaN(), math.Inf(1), -1} {
		if err := p.Predict(make([]Prediction, 2), f, []float64{1, load}); !errors.Is(err, ErrNotFinite) {
			t.Errorf("load %v: %v", load, err)
		}
	}
	if p.Predict(make([]Prediction, 1), f, nil) == nil || p.Predict(make([]Prediction, 2), f, []float64{1}) == nil ||
		p.Curves(nil, f, 1) == nil || p.Forecast(nil, f) == nil {
		t.Error("answers without room for them")
	}
}

// TestFramesOfAllShapes: frames of other services, sizes and column orders
// one after the other, as a daemon sees them.
func TestFramesOfAllShapes(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	m := trained(rng, model.Outcome)
	p := compile(t, m)
	for _, n := range []int{3, 0, 1, 12, 5} {
		f := frame(rng, n)
		got := ask(t, p, f, nil)
		reversed := f.Clone()
		reversed.Names = slices.Clone(f.Names)
		slices.Reverse(reversed.Names)
		for i := range f.Endpoints {
			slices.Reverse(reversed.Row(i))
		}
		for _, want := range []answers{ask(t, compile(t, m), f, nil), ask(t, p, reversed, nil)} {
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("%d endpoints\n%s", n, diff)
			}
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for _, kind := range model.Kinds() {
		rng := rand.New(rand.NewPCG(10, 10))
		p := compile(t, trained(rng, kind))
		frames := []*features.Frame{frame(rng, 10), frame(rng, 4)}
		frames[1].Schema = frames[0].Schema
		predictions, curves, failures := make([]Prediction, 10), make([]Curve, 10), make([]Failure, 10)
		var err error
		allocations := testing.AllocsPerRun(50, func() {
			for _, f := range frames {
				n := len(f.Endpoints)
				err = errors.Join(err, p.Predict(predictions[:n], f, nil), p.Forecast(failures[:n], f), familiar(p, f))
				if kind == model.Outcome {
					err = errors.Join(err, p.Curves(curves[:n], f, 1))
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if allocations != 0 {
			t.Errorf("%s: %v allocations", kind, allocations)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	m := trained(rand.New(rand.NewPCG(11, 11)), model.Outcome)
	m.Routing.Layers[0].W[0] = nan32
	if _, err := Compile(m); err == nil {
		t.Error("NaN weights were compiled")
	}
	if _, err := Bare(nil); err == nil {
		t.Error("no layers were packed")
	}
}
