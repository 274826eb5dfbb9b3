package router

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLimit(t *testing.T) {
	target := 0.9
	p := Limit(policyFunc(func(d *Decision, f *frameOf) error {
		d.reset(f)
		d.Weights[0], d.Weights[1], d.Weights[2] = target, (1-target)/2, (1-target)/2
		return nil
	}), DefaultConfig())
	list := six()[:3]
	near(t, "first", decide(t, p, frame(0, list...)).Weights[0], 0.9, 1e-12) // not limited
	// Two others take 0.1 each from it; it takes 0.1 back.
	for k, step := range []struct{ target, want float64 }{{0.2, 0.7}, {0.2, 0.5}, {0.2, 0.3}, {0.2, 0.2}, {0.9, 0.3}, {0.9, 0.4}, {0.42, 0.42}} {
		target = step.target
		again := frame(k+1, list...)
		near(t, "step", decide(t, p, again).Weights[0], step.want, 1e-9)
		near(t, "the same window again", decide(t, p, again).Weights[0], step.want, 1e-9)
	}
}

// TestLimitLetsNewEndpointsIn: a service of which only one endpoint was seen at
// first is not sent there for longer than that.
func TestLimitLetsNewEndpointsIn(t *testing.T) {
	p := Limit(RoundRobin(), DefaultConfig())
	near(t, "alone", decide(t, p, frame(0, six()[2])).Weights[0], 1, 1e-12)
	for k := range 3 {
		for i, w := range decide(t, p, frame(k+1, six()...)).Weights {
			near(t, fmt.Sprintf("window %d: weight of c%d", k+1, i+1), w, 1.0/6, 1e-12)
		}
	}
}

func TestLimitGoesOnWhileMetricsAge(t *testing.T) {
	target := 1.0
	p := Limit(policyFunc(func(d *Decision, f *frameOf) error {
		d.reset(f)
		d.Weights[0], d.Weights[1] = target, 1-target
		return nil
	}), DefaultConfig())
	f := frame(0, six()[:2]...)
	decide(t, p, f)
	target = 0.5
	for _, want := range []float64{0.9, 0.8, 0.7} {
		f.Time = f.Time.Add(5 * time.Second)
		near(t, "weight", decide(t, p, f).Weights[0], want, 1e-9)
	}
}

// TestLimitProperty: away from ejections nothing rises by more than the step.
func TestLimitProperty(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	p := Limit(policyFunc(func(d *Decision, f *frameOf) error {
		d.reset(f)
		for i := range d.Weights {
			d.Weights[i] = math.Pow(r.Float64(), 6)
		}
		d.Weights.Normalize()
		d.Source = SourceModel
		return nil
	}), DefaultConfig())
	var before Decision
	for k := range 200 {
		d := decide(t, p, frame(k, six()...))
		for i := range d.Weights {
			if k > 0 && d.Weights[i]-before.Weights[i] > 0.1+1e-9 {
				t.Fatalf("window %d: from %v to %v", k, before.Weights, d.Weights)
			}
			if d.Weights[i] < 0.02/6-1e-9 {
				t.Fatalf("window %d: %v is below the floor", k, d.Weights[i])
			}
		}
		before = d.Clone()
	}
}

func TestLimitDoesNotSlowAnEjection(t *testing.T) {
	p := Limit(Eject(RoundRobin(), nil, DefaultConfig()), DefaultConfig())
	two := []seen{well("a", ""), well("b", "")}
	decide(t, p, frame(0, two...))
	two[0] = two[0].down()
	if d := decide(t, p, frame(1, two...)); d.Weights[0] != 0 || d.Weights[1] != 1 {
		t.Errorf("weights %v; want 0 and 1", d.Weights)
	}
}

// TestLimitDoesNotSlowWhatIsHeld: of two endpoints that fail one is ejected, and
// the other has next to nothing at once too.
func TestLimitDoesNotSlowWhatIsHeld(t *testing.T) {
	p := Limit(Eject(RoundRobin(), nil, DefaultConfig()), DefaultConfig())
	list := six()
	decide(t, p, frame(0, list...))
	list[1], list[4] = list[1].failing(1), list[4].failing(0.9)
	d := decide(t, p, frame(1, list...))
	if !d.Ejected[1] || !d.Held[4] || d.Weights[4] > 0.01 {
		t.Errorf("ejected %v, held %v, weights %v", d.Ejected, d.Held, d.Weights)
	}
	near(t, "weight of one that works", d.Weights[0], (1-d.Weights[4])/4, 1e-9)
}

func TestLimitsComeFromTheRules(t *testing.T) {
	set := ruleSet(t, "services: [{name: checkout, limits: {step: 0.3, max_ejection: 0.5}}]")
	cfg := DefaultConfig()
	cfg.Rules = set
	list := six()
	list[0], list[1], list[2] = list[0].down(), list[1].down(), list[2].down()
	d := decide(t, Eject(RoundRobin(), nil, cfg), frame(0, list...))
	if diff := cmp.Diff([]bool{true, true, true, false, false, false}, d.Ejected); diff != "" {
		t.Error(diff)
	}
	weights := [2]float64{1, 0}
	p := Limit(policyFunc(func(d *Decision, f *frameOf) error { d.reset(f); copy(d.Weights, weights[:]); return nil }), cfg)
	decide(t, p, frame(0, list[:2]...))
	weights = [2]float64{0, 1}
	near(t, "step of 0.3", decide(t, p, frame(1, list[:2]...)).Weights[0], 0.7, 1e-12)
}
