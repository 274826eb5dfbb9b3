package router

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

func TestLearnedSplitsByPredictedCost(t *testing.T) {
	list := six()
	for i := range list {
		list[i].rate = 70 // busy: what each gets matters
	}
	list[0] = list[0].slow(3)
	list[1].capacity = 300
	f := frame(0, list...)
	d := decide(t, learnt(t), f)
	if d.Source != SourceModel || d.Policy != "learned" || d.Model != "formula@3" || d.Reason != "" {
		t.Errorf("source %v, policy %q, model %q, reason %q", d.Source, d.Policy, d.Model, d.Reason)
	}
	if !(d.Weights[0] < d.Weights[2] && d.Weights[2] < d.Weights[1]) {
		t.Errorf("weights %v; want the slow below the ordinary below the large", d.Weights)
	}
	if d.Weights[1] > 0.9 {
		t.Errorf("weights %v: that is argmax", d.Weights)
	}
	near(t, "weight of like endpoints", d.Weights[3], d.Weights[2], 1e-6)
	near(t, "age", d.Age.Seconds(), 2, 0)
	// The predictions are at the load that the weights cause.
	p := compiledModel(t, uncorrected(t))
	curves := make([]predict.Curve, 6)
	if err := p.Curves(curves, f, 1); err != nil {
		t.Fatal(err)
	}
	curves[1].Horizon = horizon(f, d.Age)
	near(t, "predicted mean", d.Predictions[1].Mean, curves[1].Mean(420*d.Weights[1]), 1e-9)
}

func TestLearnedGivesTheUnknownItsPeersMean(t *testing.T) {
	list := six()
	list[5].capacity = nan
	list[0] = list[0].slow(4)
	d := decide(t, learnt(t), frame(0, list...))
	near(t, "weight of the unknown", d.Weights[5], 1.0/6, 1e-9)
	if d.Weights[0] >= 1.0/6 {
		t.Errorf("the slow endpoint gets %v", d.Weights[0])
	}
}

func TestLearnedSpreadsWhileIdle(t *testing.T) {
	list := six()
	for i := range list {
		list[i].rate = 0
	}
	list[0] = list[0].slow(0.9) // hardly better than its peers
	d := decide(t, learnt(t), frame(0, list...))
	if d.Weights[0] > 0.6 || d.Weights[1] < 0.02/6-1e-12 {
		t.Errorf("weights %v: an idle service should not be sent to one endpoint", d.Weights)
	}
}

func TestLearnedTakesPreferences(t *testing.T) {
	m := uncorrected(t)
	m.Routing.Kind = model.Softmax
	m.Routing.Layers = []model.Layer{{In: 1, Out: 1, W: []float32{-50}, B: []float32{0}}}
	cfg := DefaultConfig()
	cfg.WarmUp = 0
	list := six()
	list[0] = list[0].failing(0.2)
	d := decide(t, Learned(m, compiledModel(t, m), cfg), frame(0, list...))
	near(t, "floor", d.Weights[0], 0.02/6, 1e-12)
	near(t, "preferred", d.Weights[1], (1-0.02/6)/5, 1e-9)
}

func TestLearnedShrinksWithAge(t *testing.T) {
	list := six()
	list[0] = list[0].slow(4)
	fresh := decide(t, learnt(t), frame(0, list...))
	f := frame(0, list...)
	f.Time = f.Time.Add(10 * time.Second)
	aged := decide(t, learnt(t), f)
	if !(fresh.Weights[0] < aged.Weights[0] && aged.Weights[0] < 1.0/6) {
		t.Errorf("weight of the slow endpoint %v fresh, %v aged; want it to go towards 1/6", fresh.Weights[0], aged.Weights[0])
	}
	near(t, "age", aged.Age.Seconds(), 12, 0)
}

func TestLearnedDeclines(t *testing.T) {
	m := uncorrected(t)
	cfg := DefaultConfig()
	cfg.WarmUp = 2
	fresh := func() Policy { return Learned(m, compiledModel(t, m), cfg) }
	warm := func(p Policy) Policy {
		var d Decision
		if err := p.Decide(&d, frame(0, six()...)); !errors.Is(err, WarmUp) {
			t.Fatalf("first window: %v; want warm_up", err)
		}
		return p
	}
	for _, test := range []struct {
		name   string
		policy Policy
		change func(f *features.Frame)
		want   Reason
	}{
		{"the first window", fresh(), nil, WarmUp},
		{"no model", Learned(nil, nil, cfg), nil, NoModel},
		{"no routing network", func() Policy {
			failureOnly := *m
			failureOnly.Routing = nil
			return Learned(&failureOnly, compiledModel(t, m), cfg)
		}(), nil, NoModel},
		{"old metrics", warm(fresh()), func(f *features.Frame) { f.Time = f.Time.Add(16 * time.Second) }, Stale},
		{"metrics scraped long ago", warm(fresh()), func(f *features.Frame) {
			s := *schema
			s.Series = append(slices.Clone(s.Series[:5]), mesh.Series{Name: mesh.Age, Query: "u"})
			f.Schema = &s
			for i := range f.Endpoints {
				f.Values[i*6+5] = 120
			}
		}, Stale},
		{"nothing seen for long", blinded(t, warm(fresh())), func(f *features.Frame) {
			blind(f)
			f.Time, f.Start, f.End = f.Time.Add(time.Minute), f.Start.Add(time.Minute), f.End.Add(time.Minute)
		}, Stale},
		{"another schema", warm(fresh()), func(f *features.Frame) { s := *schema; s.Series = s.Series[:5]; f.Schema = &s }, SchemaMismatch},
		{"missing columns", warm(fresh()), func(f *features.Frame) { f.Names = []string{"a", "b", "c", "d", "e"} }, SchemaMismatch},
		{"infinite input", warm(fresh()), func(f *features.Frame) { f.Row(0)[f.Column("error_ratio")] = float32(math.Inf(1)) }, NotFinite},
		{"unfamiliar", warm(fresh()), func(f *features.Frame) {
			for i := range f.Endpoints {
				f.Row(i)[f.Column("error_ratio")] = 99
			}
		}, Unfamiliar},
		{"nothing known", warm(fresh()), func(f *features.Frame) {
			for i := range f.Endpoints {
				f.Row(i)[f.Column("capacity_rps")] = float32(nan)
			}
		}, WarmUp},
		{"no endpoints", warm(fresh()), func(f *features.Frame) { f.Endpoints, f.Values, f.X = nil, nil, nil }, NoEndpoints},
		{"not identifiable", func() Policy {
			fixed := *m
			fixed.Card.Unidentified = []string{"checkout"}
			return Learned(&fixed, compiledModel(t, m), cfg)
		}(), nil, NotIdentifiable},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := frame(1, six()...)
			if test.change != nil {
				test.change(f)
			}
			var d Decision
			err := test.policy.Decide(&d, f)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v; want %v", err, test.want)
			}
			// The reason travels through a fallback, and somebody answers.
			if test.want == NoEndpoints {
				return
			}
			d = Decision{}
			if err := Fallback(test.policy, Static(nil)).Decide(&d, f); err != nil || d.Policy != "static" || d.Weights.Validate() != nil {
				t.Errorf("fallback: %v, by %q", err, d.Policy)
			}
		})
	}
}

// TestMetricsAgeWhileTheServerAnswers: no endpoint is scraped any more and the
// proxy goes on counting refused requests, or they are scraped and all that
// they say is NaN. The metrics are then as old as the last window that showed
// what endpoints do, and everybody says so.
func TestMetricsAgeWhileTheServerAnswers(t *testing.T) {
	s := *schema
	s.Series = append(slices.Clone(s.Series), mesh.Series{Name: mesh.Age, Query: "a"})
	m := uncorrected(t)
	m.Schema = s
	window := func(k int, age float64, list ...seen) *features.Frame {
		f := frame(k, list...)
		f.Schema, f.Values = &s, nil
		for _, e := range list {
			f.Values = append(f.Values, e.rate, e.errors, e.mean, e.inFlight, e.mean*3, e.up, age)
		}
		return f
	}
	gone, nothing := six(), six()
	for i := range gone {
		gone[i] = gone[i].down()
		gone[i].rate, gone[i].errors = 5, 1
		nothing[i] = nothing[i].down()
		nothing[i].up = 1
	}
	for name, late := range map[string]func(k int) *features.Frame{
		"gone": func(k int) *features.Frame { return window(k, nan, gone...) },
		"NaN":  func(k int) *features.Frame { return window(k, 3, nothing...) },
	} {
		t.Run(name, func(t *testing.T) {
			p := Fallback(Learned(m, compiledModel(t, m), DefaultConfig()), Static(nil))
			for k := range 14 {
				f, want := window(k, 3, six()...), 3.0 // the newest sample's
				if k >= 8 {
					f, want = late(k), 2+5*float64(k-7) // since the end of the last window that showed anything
				}
				var d Decision
				if err := p.Decide(&d, f); err != nil {
					t.Fatal(err)
				}
				near(t, "age", d.Age.Seconds(), want, 1e-9)
				if stale := want > 15; (d.Reason == Stale) != stale {
					t.Errorf("window %d: reason %q at an age of %v", k, d.Reason, d.Age)
				}
				table := NewTable(nil, DefaultConfig())
				table.Publish(&d, f)
				a := table.Load("checkout").Decide(&mesh.Request{Service: "checkout"}, 0)
				near(t, "age as served", a.Decided.Sub(a.MetricsTime).Seconds(), want, 1e-9)
			}
		})
	}
}

func TestWarmUpCountsWindowsNotCalls(t *testing.T) {
	m := uncorrected(t)
	cfg := DefaultConfig()
	p := Learned(m, compiledModel(t, m), cfg)
	var d Decision
	for range 20 {
		if err := p.Decide(&d, frame(0, six()...)); !errors.Is(err, WarmUp) {
			t.Fatalf("the same window again: %v", err)
		}
	}
	for k := 1; k < 5; k++ {
		if err := p.Decide(&d, frame(k, six()...)); !errors.Is(err, WarmUp) {
			t.Fatalf("window %d: %v", k+1, err)
		}
	}
	if err := p.Decide(&d, frame(5, six()...)); err != nil {
		t.Errorf("window 6: %v", err)
	}
}

func TestLearnedDoesNotAllocate(t *testing.T) {
	p, f := learnt(t), frame(0, six()...)
	var d Decision
	if n := testing.AllocsPerRun(100, func() {
		if err := p.Decide(&d, f); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("%v allocations per decision; want hardly any", n)
	}
}

func BenchmarkLearned(b *testing.B) {
	p, f := learnt(b), frame(0, six()...)
	var d Decision
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Decide(&d, f); err != nil {
			b.Fatal(err)
		}
	}
}

// blind leaves nothing to be seen of any endpoint, as when a server answers
// but scrapes no more.
func blind(f *features.Frame) {
	for i := range f.Endpoints {
		for j := range 5 {
			f.Values[i*6+j] = nan
		}
		f.Values[i*6+5] = 0
	}
}

// blinded shows p a window in which there is nothing to see.
func blinded(t *testing.T, p Policy) Policy {
	t.Helper()
	f := frame(1, six()...)
	blind(f)
	var d Decision
	if err := p.Decide(&d, f); err != nil {
		t.Fatalf("one blind window: %v; want it to be bridged", err)
	}
	return p
}

// TestLearnedSendsNothingDown holds that what is remembered of endpoints that
// are down draws no traffic, however many they are.
func TestLearnedSendsNothingDown(t *testing.T) {
	m := uncorrected(t)
	cfg := DefaultConfig()
	cfg.WarmUp = 0
	p := Learned(m, compiledModel(t, m), cfg)
	down := well("a", "")
	down.up = 0
	gone := down
	gone.name = "b"
	d := decide(t, p, frame(0, down, gone, well("c", ""), well("d", "")))
	for i, want := range []float64{0, 0, 0.5, 0.5} {
		if got := d.Weights[i]; got < want-1e-6 || got > want+1e-6 {
			t.Errorf("%s has weight %v; want %v", d.Endpoints[i].Name, got, want)
		}
	}
}
