package features_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// noisy is a healthy endpoint of random load, with a queue that goes with it.
func noisy(r *rand.Rand) seen {
	rate := 10 + 60*r.Float64()
	e := healthy(rate)
	slow := 1 / (1 - rate/100) * math.Exp(0.1*r.NormFloat64())
	for _, s := range []string{mesh.LatencyMean, mesh.LatencyP50, mesh.LatencyP90, mesh.LatencyP99} {
		e[s] *= slow
	}
	e[mesh.InFlight] *= slow
	e[mesh.Utilization] = min(1, max(0, e[mesh.Utilization]+0.1*r.NormFloat64()))
	return e
}

// TestNoLookAhead pushes the same beginning with two different ends.
func TestNoLookAhead(t *testing.T) {
	record := func(end int) [][]float32 {
		r := rand.New(rand.NewPCG(1, 2))
		x := features.New(features.DefaultConfig())
		var rows [][]float32
		for k := range 80 {
			e := []seen{noisy(r), noisy(r)}
			if k >= 60 {
				e[0] = e[0].but(mesh.LatencyMean, float64(end))
			}
			rows = append(rows, slices.Clone(push(t, x, window(everything, k, e...)).X))
		}
		return rows
	}
	a, b := record(1), record(9)
	if diff := cmp.Diff(a[:60], b[:60], cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("what came later changed earlier frames:\n%s", diff)
	}
	if cmp.Equal(a[60:], b[60:], cmpopts.EquateNaNs()) {
		t.Error("the ends do not differ: the test sees nothing")
	}
}

// TestOrder pushes the same windows with their endpoints reversed.
func TestOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	x, y := features.New(features.DefaultConfig()), features.New(features.DefaultConfig())
	for k := range 60 {
		w := window(everything, k, noisy(r), noisy(r), noisy(r), gone, noisy(r))
		f, g := push(t, x, w), push(t, y, reversed(w))
		for i := range f.Endpoints {
			j := len(f.Endpoints) - 1 - i
			if diff := cmp.Diff(f.Row(i), g.Row(j), close6); diff != "" {
				t.Fatalf("window %d, endpoint %s depends on the order:\n%s", k, f.Endpoints[i].Name, diff)
			}
		}
	}
}

func reversed(w mesh.Window) mesh.Window {
	r := w
	r.Endpoints = slices.Clone(w.Endpoints)
	slices.Reverse(r.Endpoints)
	r.Requests = slices.Clone(w.Requests)
	slices.Reverse(r.Requests)
	r.Values = nil
	for i := len(w.Endpoints) - 1; i >= 0; i-- {
		r.Values = append(r.Values, w.Row(i)...)
	}
	return r
}

func TestCloneOutlivesPush(t *testing.T) {
	x := features.New(features.DefaultConfig())
	f := push(t, x, window(everything, 0, healthy(50)))
	c := f.Clone()
	want := fmt.Sprint(c)
	push(t, x, window(everything, 1, healthy(10).but(mesh.LatencyMean, 3)))
	if got := fmt.Sprint(c); got != want {
		t.Errorf("clone changed from %s to %s", want, got)
	}
}

func TestPushDoesNotAllocate(t *testing.T) {
	x := features.New(features.DefaultConfig())
	w := window(everything, 0, healthy(50), healthy(40), healthy(30))
	k := 0
	allocs := testing.AllocsPerRun(200, func() {
		k++
		w.Time, w.Start, w.End = w.Time.Add(5e9), w.Start.Add(5e9), w.End.Add(5e9)
		w.Values[2] = 0.02 + 0.01*float64(k%3) + float64(k/150)
		push(t, x, w)
	})
	if allocs != 0 {
		t.Errorf("%v allocations per push, want 0", allocs)
	}
}

func TestConfig(t *testing.T) {
	if err := features.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	bad := features.Config{}
	err := bad.Validate()
	for _, want := range []string{"horizon", "objective", "recent", "gap", "forget", "anomaly"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
}
