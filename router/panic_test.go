package router

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPanic(t *testing.T) {
	list := six()
	for i := range 4 {
		list[i] = list[i].down()
	}
	d := decide(t, Eject(RoundRobin(), nil, DefaultConfig()), frame(0, list...))
	near(t, "weight of a dead endpoint", d.Weights[0], 1.0/6, 1e-12)
	if slices.Contains(d.Ejected, true) || !strings.Contains(strings.Join(d.Notes, ""), "panic: 4 of 6") {
		t.Errorf("ejected %v, notes %v", d.Ejected, d.Notes)
	}
	if d = decide(t, Eject(RoundRobin(), nil, DefaultConfig()), frame(0, well("a", "").down())); d.Weights[0] != 1 {
		t.Errorf("the only endpoint gets %v", d.Weights[0])
	}
}

// TestPanicPrefersNoneThatFails: a policy that likes what is down, because it
// looks idle, is not followed beyond an equal share.
func TestPanicPrefersNoneThatFails(t *testing.T) {
	likesTheFirst := policyFunc(func(d *Decision, f *frameOf) error {
		d.reset(f)
		d.Weights[0], d.Weights[4], d.Weights[5] = 0.9, 0.05, 0.05
		return nil
	})
	list := six()
	for i := range 4 {
		list[i] = list[i].down()
	}
	d := decide(t, Eject(likesTheFirst, nil, DefaultConfig()), frame(0, list...))
	if diff := cmp.Diff([]float64{1.0 / 3, 0, 0, 0, 1.0 / 3, 1.0 / 3}, []float64(d.Weights), approx); diff != "" {
		t.Error(diff)
	}
}

// TestPanicLeavesNoEjection: what failed with all the others did not fail alone,
// and serves as they do as soon as it is back.
func TestPanicLeavesNoEjection(t *testing.T) {
	dead := six()
	for i := range dead {
		dead[i] = dead[i].down()
	}
	all := run(t, Eject(RoundRobin(), nil, DefaultConfig()), append(times(3, dead), times(3, six())...)...)
	for k, d := range all {
		for i, w := range d.Weights {
			near(t, fmt.Sprintf("window %d: weight of %s", k, d.Endpoints[i].Name), w, 1.0/6, 1e-12)
		}
	}
}
