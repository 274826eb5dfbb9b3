package train

import (
	"errors"
	"iter"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// TestLimitOf: the limit is far above what is usual, the origin's alert where
// that is nearer, and never within what a service shows every day.
func TestLimitOf(t *testing.T) {
	steady := func(median, deviation float64) []float64 {
		var list []float64
		for k := range 101 {
			list = append(list, median+1.349*deviation*float64(k-50)/50)
		}
		return list
	}
	for _, c := range []struct {
		name  string
		tails []float64
		want  float64
	}{
		{"fast", steady(0.02, 0.001), 0.06},
		{"fast and uneven", steady(0.02, 0.01), 0.1},
		{"the alert comes first", steady(0.5, 0.01), 1},
		{"the alert is within what is usual", steady(0.9, 0.1), 1.7},
		{"always above the alert", steady(2, 0.01), 6},
		{"nothing known", nil, math.Inf(1)},
	} {
		if got := limitOf(c.tails); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v; want %v", c.name, got, c.want)
		}
	}
}

var tailSchema = &mesh.Schema{Name: "tails", Series: []mesh.Series{{Name: mesh.LatencyP99}}}

// tailed are windows of services with the tails that f gives.
func tailed(windows int, f func(service string, k int) float64) iter.Seq2[mesh.Window, error] {
	return func(yield func(mesh.Window, error) bool) {
		for k := range windows {
			for _, service := range []string{"a", "b"} {
				w := mesh.Window{Service: service, Time: epoch.Add(time.Duration(k) * time.Second), Schema: tailSchema, Endpoints: []mesh.Endpoint{{Name: "x"}}}
				w.Values, w.Requests = []float64{f(service, k)}, []float64{100}
				if !yield(w, nil) {
					return
				}
			}
		}
	}
}

// TestFindLimits: of the training part where there is one, else of everything;
// each service's own; configured ones come first; however many there are.
func TestFindLimits(t *testing.T) {
	at := func(k int) time.Time { return epoch.Add(time.Duration(k) * time.Second) }
	parted := datasets.Split{Start: at(0), TrainEnd: at(30_000), ValidationStart: at(30_000), ValidationEnd: at(40_000), TestStart: at(40_000), End: at(50_000)}
	test := datasets.Split{Start: at(0), TrainEnd: at(0), ValidationStart: at(0), ValidationEnd: at(0), TestStart: at(0), End: at(50_000)}
	windows := tailed(50_000, func(service string, k int) float64 {
		switch {
		case service == "b":
			return 0.2
		case k < 30_000:
			return 0.01
		}
		return 0.02
	})
	configured := mesh.DefaultObjective()
	configured.MaxLatency, configured.MaxErrorRatio = 300*time.Millisecond, 0.2
	for _, c := range []struct {
		name  string
		split datasets.Split
		o     mesh.Objective
		want  map[string]Limits
	}{
		{"training", parted, mesh.DefaultObjective(), map[string]Limits{"a": {0.03, 0.05}, "b": {0.6, 0.05}}},
		{"no training", test, mesh.DefaultObjective(), map[string]Limits{"a": {0.01 + 8*0.01/1.349, 0.05}, "b": {0.6, 0.05}}},
		{"configured", parted, configured, map[string]Limits{"a": {0.3, 0.2}, "b": {0.3, 0.2}}},
	} {
		got, err := FindLimits(windows, c.split, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	broken := errors.New("broken")
	if _, err := FindLimits(func(yield func(mesh.Window, error) bool) { yield(mesh.Window{}, broken) }, parted, configured); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	cfg := Config{Objective: mesh.DefaultObjective(), Objectives: map[string]mesh.Objective{"b": configured}}
	got, err := findLimits(windows, parted, cfg.objectiveOf)
	if want := (map[string]Limits{"a": {0.03, 0.05}, "b": {0.3, 0.2}}); err != nil || !cmp.Equal(want, got, cmpopts.EquateApprox(1e-9, 0)) {
		t.Errorf("one service of its own: %v, %v; want %v", got, err, want)
	}
}

// TestThinned: of a long stream, some are held, of all times alike.
func TestThinned(t *testing.T) {
	th := &thinned{every: 1}
	for k := range 10 * mostThinned {
		th.add(float64(k))
	}
	if n := len(th.kept); n >= mostThinned || n < mostThinned/2 {
		t.Errorf("%d are held", n)
	}
	if median := quantile(th.sorted(), 0.5) / mostThinned; median < 4.9 || median > 5.1 {
		t.Errorf("the median is %v of the stream's", median/10)
	}
}
