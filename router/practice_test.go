package router

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// unlike are three endpoints of 80, 26 and 24 requests/s, at 20 requests/s each.
func unlike() []seen { return loaded(60, 80, 26, 24) }

// TestWhoDecidesInstead of a learned policy that declines, for each reason.
func TestWhoDecidesInstead(t *testing.T) {
	for _, c := range []struct {
		err    error
		reason Reason
		by     string
	}{
		{nil, "", "learned"},
		{WarmUp, WarmUp, "queueing"}, {Unfamiliar, Unfamiliar, "queueing"}, {Disagreement, Disagreement, "queueing"}, {Stale, Stale, "queueing"},
		{declinef(Disagreement, "by half"), Disagreement, "queueing"}, // with particulars
		{NoModel, NoModel, "static"}, {SchemaMismatch, SchemaMismatch, "static"}, {NotFinite, NotFinite, "static"},
		{NotIdentifiable, NotIdentifiable, "static"}, {ShadowOnly, ShadowOnly, "static"}, {Fault, Fault, "static"},
		{errors.New("on fire"), Fault, "static"},
	} {
		t.Run(fmt.Sprint(c.err), func(t *testing.T) {
			p := Practised(policyFunc(func(d *Decision, f *frameOf) error {
				d.reset(f)
				d.Policy, d.Model, d.Weights[0] = "learned", "m@3", 1
				return c.err
			}), DefaultConfig())
			d := decide(t, p, frame(0, unlike()...))
			if d.Policy != c.by || d.Reason != c.reason || d.Model != "m@3" {
				t.Errorf("%s decided, for %q, of model %q; want %s for %q, of m@3", d.Policy, d.Reason, d.Model, c.by, c.reason)
			}
			switch c.by {
			case "learned":
				near(t, "its weight", d.Weights[0], 1, 0)
			case "queueing":
				if d.Weights[0] < 0.5 || d.Weights[2] == 0 {
					t.Errorf("weights %v; want most on the endpoint that can do most", d.Weights)
				}
			default:
				near(t, "the weight by no rules", d.Weights[0], 1.0/3, 1e-12)
			}
		})
	}
}

// TestWeightsThatAreNone are no reason to ask the formula.
func TestWeightsThatAreNone(t *testing.T) {
	p := Practised(policyFunc(func(d *Decision, f *frameOf) error { d.reset(f); d.Weights[1] = nan; return nil }), DefaultConfig())
	if d := decide(t, p, frame(0, unlike()...)); d.Policy != "static" || d.Reason != Fault || len(d.Notes) != 1 {
		t.Errorf("%s decided, for %q, notes %q", d.Policy, d.Reason, d.Notes)
	}
}

// TestRulesThatTellEndpointsApart decide before the formula; weights that tell
// nothing do not.
func TestRulesThatTellEndpointsApart(t *testing.T) {
	declines := policyFunc(func(d *Decision, f *frameOf) error { d.reset(f); return WarmUp })
	for _, c := range []struct{ rules, by string }{
		{"{name: c1, weight: 1}, {name: c2, weight: 3}, {name: c3, weight: 1}", "static"},
		{"{name: c1, weight: 2}, {name: c2, weight: 2}, {name: c3, weight: 2}", "queueing"},
		{"{name: c2, weight: 3}", "queueing"},
		{"{name: c9, weight: 3}", "queueing"},
	} {
		cfg := DefaultConfig()
		cfg.Rules = ruleSet(t, "services: [{name: checkout, endpoints: ["+c.rules+"]}]")
		d := decide(t, Practised(declines, cfg), frame(0, unlike()...))
		if d.Policy != c.by {
			t.Errorf("rules %s: %s decided; want %s", c.rules, d.Policy, c.by)
		}
		if c.by == "static" {
			same(t, "ruled weights", d.Weights, 0.2, 0.6, 0.2)
		}
	}
}

// TestNothingToReckonWith: where the formula declines too the rules decide, for
// the reason that the learned policy had.
func TestNothingToReckonWith(t *testing.T) {
	list := unlike()
	for i := range list {
		list[i].capacity = nan
	}
	declines := policyFunc(func(d *Decision, f *frameOf) error { d.reset(f); return Unfamiliar })
	if d := decide(t, Practised(declines, DefaultConfig()), frame(0, list...)); d.Policy != "static" || d.Reason != Unfamiliar {
		t.Errorf("%s decided, for %q", d.Policy, d.Reason)
	}
	var d Decision
	if err := Practised(declines, DefaultConfig()).Decide(&d, frame(0)); !errors.Is(err, NoEndpoints) {
		t.Errorf("of no endpoints: %v", err)
	}
}

// TestAsMetricsAge: the network decides up to three windows, 15 s; the
// capacities up to twelve times as long; then the rules.
func TestAsMetricsAge(t *testing.T) {
	cfg := DefaultConfig()
	cfg.WarmUp = 0
	m := uncorrected(t)
	p := Practised(Learned(m, compiledModel(t, m), cfg), cfg)
	stale := cfg.staleAfter(frame(0, unlike()...))
	if stale != 15*time.Second {
		t.Fatalf("stale after %v", stale)
	}
	capacities := []float64{80.0 / 130, 26.0 / 130, 24.0 / 130}
	for _, c := range []struct {
		age    time.Duration
		by     string
		reason Reason
	}{
		{2 * time.Second, "learned", ""}, {stale, "learned", ""}, {stale + 1, "queueing", Stale},
		{staleTimes * stale, "queueing", Stale}, {staleTimes*stale + 1, "static", Stale}, {time.Hour, "static", Stale},
	} {
		f := frame(0, unlike()...)
		f.Time = f.End.Add(c.age)
		d := decide(t, p, f)
		if d.Policy != c.by || d.Reason != c.reason || d.Age != c.age {
			t.Errorf("at an age of %v %s decided, for %q, and says %v; want %s for %q", c.age, d.Policy, d.Reason, d.Age, c.by, c.reason)
		}
		switch {
		case c.by == "static":
			same(t, fmt.Sprintf("weights at %v", c.age), d.Weights, 1.0/3, 1.0/3, 1.0/3)
		case c.age >= stale:
			same(t, fmt.Sprintf("weights at %v", c.age), d.Weights, capacities...)
		case d.Weights[0] < capacities[0]+0.05:
			t.Errorf("fresh weights %v; want more than its capacity's part on the endpoint that waits least", d.Weights)
		}
	}
}
