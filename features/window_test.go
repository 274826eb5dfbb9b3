package features_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// TestRefused pushes what is no window, or not the next.
func TestRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(w *mesh.Window)
		want   string
	}{
		{"the same time again", func(w *mesh.Window) { w.Time = w.Time.Add(-5 * time.Second); w.End = w.Time; w.Start = w.End.Add(-1) }, "in time order"},
		{"an earlier time", func(w *mesh.Window) { w.Time = w.Time.Add(-7 * time.Second); w.End = w.Time; w.Start = w.End.Add(-1) }, "in time order"},
		{"no schema", func(w *mesh.Window) { w.Schema = nil }, "no schema"},
		{"a value short", func(w *mesh.Window) { w.Values = w.Values[1:] }, "need 24"},
		{"a count short", func(w *mesh.Window) { w.Requests = w.Requests[1:] }, "request counts"},
		{"an endpoint twice", func(w *mesh.Window) { w.Endpoints[1] = w.Endpoints[0] }, `"a" twice`},
		{"an end after the decision", func(w *mesh.Window) { w.End = w.Time.Add(1) }, "ends after"},
		{"no span", func(w *mesh.Window) { w.Start = w.End }, "empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			x, y := features.New(features.DefaultConfig()), features.New(features.DefaultConfig())
			push(t, x, window(everything, 0, healthy(50), healthy(50)))
			push(t, y, window(everything, 0, healthy(50), healthy(50)))
			w := window(everything, 1, healthy(50), healthy(50))
			test.change(&w)
			if _, err := x.Push(w); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "checkout") {
				t.Errorf("got %v; want an error that names the service and says %q", err, test.want)
			}
			next := window(everything, 1, healthy(60), healthy(50))
			if diff := cmp.Diff(push(t, y, next).X, push(t, x, next).X, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("the refused window left traces:\n%s", diff)
			}
		})
	}
}

// TestHostileValues: whatever a source says, no infinity comes out, and what
// was nonsense counts as missing.
func TestHostileValues(t *testing.T) {
	for _, v := range []float64{math.Inf(1), math.Inf(-1), math.MaxFloat64, -1, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1e300} {
		x := features.New(features.DefaultConfig())
		for k := range 40 {
			push(t, x, window(everything, k, healthy(50), healthy(50)))
		}
		w := window(everything, 40, healthy(50), healthy(50))
		for c := range everything.Series {
			w.Values[c] = v
		}
		w.Requests[0] = v
		f := push(t, x, w)
		if math.IsInf(v, 0) {
			if got := value(t, f, 0, "missing_ratio"); got != 1 {
				t.Errorf("%v: missing_ratio is %v, want 1", v, got)
			}
		}
		f = push(t, x, window(everything, 41, healthy(50), healthy(50)))
		if ref := value(t, f, 0, "latency_ref_seconds"); !(ref > 0) {
			t.Errorf("%v: latency reference becomes %v", v, ref)
		}
	}
}

// TestServices pushes two services, of different schemas, in turn.
func TestServices(t *testing.T) {
	x, alone := features.New(features.DefaultConfig()), features.New(features.DefaultConfig())
	rates := schema(mesh.RequestRate)
	for k := range 30 {
		a, b := window(everything, k, healthy(50), healthy(30+float64(k))), window(rates, k, healthy(7))
		b.Service = "catalog"
		want := push(t, alone, a).Clone()
		got := push(t, x, a)
		push(t, x, b)
		if diff := cmp.Diff(want.X, got.X, cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("window %d: another service changed the frame:\n%s", k, diff)
		}
	}
}

// TestSchemaChange goes on with fewer series.
func TestSchemaChange(t *testing.T) {
	x := features.New(features.DefaultConfig())
	for k := range 40 {
		push(t, x, window(everything, k, healthy(50)))
	}
	f := push(t, x, window(schema(mesh.RequestRate, mesh.LatencyMean), 40, healthy(50)))
	if got := value(t, f, 0, "latency_ref_seconds"); math.Abs(got-0.020) > 1e-6 {
		t.Errorf("latency reference is %v", got)
	}
}
