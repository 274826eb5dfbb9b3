package router

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/features"
)

// TestPerformanceAware checks the origin's formula by hand:
// 0.4·success + 0.3/(1+ms/1000) + 0.3/(1+connections/100).
func TestPerformanceAware(t *testing.T) {
	f := frame(0,
		seen{name: "a", mean: 0.100, errors: 0.1, inFlight: 50, rate: 10, up: 1},
		seen{name: "b", mean: 1.000, errors: 0, inFlight: 0, rate: 10, up: 1},
		seen{name: "c", mean: nan, errors: nan, inFlight: nan, rate: nan, up: 1})
	a := 0.4*0.9 + 0.3/(1+100.0/1000) + 0.3/(1+50.0/100)
	b := 0.4*1 + 0.3/(1+1000.0/1000) + 0.3
	c := (a + b) / 2 // unknown: the mean of its peers
	d := decide(t, PerformanceAware(), f)
	for i, want := range []float64{a, b, c} {
		near(t, f.Endpoints[i].Name, d.Weights[i], want/(a+b+c), 1e-12)
	}
	if d.Source != SourceRules || d.Policy != "performance_aware" {
		t.Errorf("source %v, policy %q", d.Source, d.Policy)
	}
}

func TestLeastLatency(t *testing.T) {
	d := decide(t, LeastLatency(), frame(0, well("a", ""), well("b", "").slow(3)))
	near(t, "fast", d.Weights[0], 0.75, 1e-12)
	d = decide(t, LeastLatency(), frame(0, well("a", "").slow(0), well("b", "")))
	near(t, "without latency", d.Weights[0], 20.0/21, 1e-12) // 1 ms counts
}

func TestStatic(t *testing.T) {
	set := ruleSet(t, "services: [{name: checkout, endpoints: [{name: a, weight: 3}, {name: b, weight: 1}]}]")
	d := decide(t, Static(set), frame(0, well("a", ""), well("b", ""), well("c", "")))
	if diff := cmp.Diff([]float64{0.5, 1.0 / 6, 1.0 / 3}, []float64(d.Weights), approx); diff != "" {
		t.Error(diff)
	}
	if d.Source != SourceRules {
		t.Errorf("source %v", d.Source)
	}
	if d = decide(t, Static(nil), frame(0, well("a", ""), well("b", ""))); d.Weights[0] != 0.5 || d.Source != SourceRules {
		t.Errorf("without rules: %v from %v", d.Weights, d.Source)
	}
}

func TestAdaptive(t *testing.T) {
	busy, quiet := well("a", ""), well("a", "")
	busy.rate, quiet.inFlight = 2000, 9
	for name, list := range map[string][]seen{
		"round_robin":       {busy, well("b", "")},
		"least_connections": {quiet, well("b", "")},
		"performance_aware": {well("a", ""), well("b", "")},
	} {
		d := decide(t, Adaptive(), frame(0, list...))
		if !strings.Contains(strings.Join(d.Notes, ""), name) || d.Policy != "adaptive" {
			t.Errorf("%v by %s; want %s", d.Notes, d.Policy, name)
		}
	}
	d := decide(t, Adaptive(), frame(0, quiet, well("b", ""))) // 1/(1+9) to 1/(1+0.4)
	near(t, "least connections", d.Weights[0], 0.1/(0.1+1/1.4), 1e-12)
}

func TestFallbackTellsFaultsFromReasons(t *testing.T) {
	f := frame(0, well("a", ""))
	broken := policyFunc(func(*Decision, *features.Frame) error { return errors.New("on fire") })
	d := decide(t, Fallback(broken, RoundRobin()), f)
	if d.Reason != Fault || cmp.Diff([]string{"on fire"}, d.Notes) != "" || d.Policy != "round_robin" {
		t.Errorf("reason %q, notes %q, policy %q", d.Reason, d.Notes, d.Policy)
	}
	mad := policyFunc(func(d *Decision, f *features.Frame) error { d.reset(f); d.Weights[0] = nan; return nil })
	if d = decide(t, Fallback(mad, RoundRobin()), f); d.Reason != Fault || !strings.Contains(d.Notes[0], "NaN") {
		t.Errorf("weights that are none: reason %q, notes %q", d.Reason, d.Notes)
	}
	stale := policyFunc(func(*Decision, *features.Frame) error { return Stale })
	if d = decide(t, Fallback(stale, Fallback(broken, RoundRobin())), f); d.Reason != Stale {
		t.Errorf("reason %q; want that of the first", d.Reason)
	}
	var none Decision
	if err := Fallback(stale, RoundRobin()).Decide(&none, frame(0)); !errors.Is(err, NoEndpoints) {
		t.Errorf("no endpoints: %v", err)
	}
}

func TestShadowListensOnly(t *testing.T) {
	list := six()
	list[0] = list[0].slow(5)
	d := decide(t, Shadow(learnt(t), RoundRobin()), frame(0, list...))
	if d.Reason != ShadowOnly || d.Model != "formula@3" || len(d.Predictions) != 6 || d.Source != SourceRules {
		t.Errorf("%+v", d)
	}
	near(t, "weight", d.Weights[0], 1.0/6, 1e-12)
}

func TestExplore(t *testing.T) {
	list := six()
	list[0] = list[0].slow(1000)
	bare, explored := decide(t, learnt(t), frame(0, list...)), decide(t, Explore(learnt(t), 0.12), frame(0, list...))
	for i := range bare.Weights {
		near(t, "explored", explored.Weights[i], 0.88*bare.Weights[i]+0.02, 1e-12)
	}
	list[1] = list[1].down()
	d := decide(t, Explore(Eject(RoundRobin(), nil, DefaultConfig()), 0.1), frame(0, list...))
	if d.Weights[1] != 0 {
		t.Errorf("an ejected endpoint is explored: %v", d.Weights)
	}
}

// policyFunc is a policy for a test.
type policyFunc func(*Decision, *features.Frame) error

func (policyFunc) Name() string                                    { return "test" }
func (p policyFunc) Decide(dst *Decision, f *features.Frame) error { return p(dst, f) }
