package features_test

import (
	"math"
	"testing"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// TestQuickFailures: an endpoint that fails fast does not become the reference
// of a fast one, and is not held guilty once it has recovered.
func TestQuickFailures(t *testing.T) {
	x := features.New(features.DefaultConfig())
	var f *features.Frame
	for k := range 60 {
		e := healthy(50)
		if k >= 40 && k < 50 {
			e[mesh.ErrorRatio], e[mesh.LatencyMean] = 0.95, 0.001
		}
		f = push(t, x, window(everything, k, e, healthy(50)))
		if got := value(t, f, 0, "latency_ref_seconds"); k < 44 && got < 0.012 {
			t.Errorf("window %d: the latency reference is %v", k, got)
		}
	}
	if got := value(t, f, 0, "error_ratio"); got > 0.001 {
		t.Errorf("ten windows after the failure the error ratio is %v", got)
	}
	for k := range 10 {
		f = push(t, x, window(everything, 60+k, healthy(50), healthy(50)))
	}
	if got := value(t, f, 0, "crossing_error"); got > 0.1 {
		t.Errorf("twenty windows after the failure crossing_error is %v", got)
	}
}

// TestVanished follows an endpoint that crashes for good, beside one that
// stays and one that comes.
func TestVanished(t *testing.T) {
	x := features.New(features.DefaultConfig())
	for k := range 40 {
		push(t, x, window(everything, k, healthy(50), healthy(50)))
	}
	f := push(t, x, window(everything, 40, gone, healthy(50), healthy(50)))
	for column, want := range map[string]float64{
		"up": 0, "log_request_rate": 0, "share": 0, "metrics_age": 8, "missing_ratio": 11.0 / 12, "log_latency_mean": math.Log(0.020),
		"latency_ref_seconds": 0.020, "capacity_rps": 100, "load_now": 0,
	} {
		if got := value(t, f, 0, column); math.Abs(got-want) > 1e-6 {
			t.Errorf("vanished: %s is %v, want %v", column, got, want)
		}
	}
	for i := 1; i <= 2; i++ {
		if got := value(t, f, i, "peers_failing"); got != 0.5 {
			t.Errorf("endpoint %d: peers_failing is %v, want 0.5", i, got)
		}
		if got := value(t, f, i, "candidate_load"); got != 0.5 {
			t.Errorf("endpoint %d: candidate_load is %v, want 0.5: the dead one takes no share", i, got)
		}
		if got := value(t, f, i, "latency_vs_past"); math.Abs(got) > 1e-9 {
			t.Errorf("endpoint %d: latency_vs_past is %v, want 0", i, got)
		}
	}
	if got := value(t, f, 0, "anomaly_score"); got < 0.3 {
		t.Errorf("an endpoint going down scores %v, want 0.3 or more", got)
	}
	if top := f.Anomalies[0].Top; len(top) == 0 || top[0].Series != mesh.Up {
		t.Errorf("going down is explained by %v, want up first", top)
	}
	for k := 41; k < 41+730; k++ { // 5 s each: more than an hour
		f = push(t, x, window(everything, k, gone, healthy(50), healthy(50)))
	}
	if got := value(t, f, 0, "latency_ref_seconds"); !math.IsNaN(got) {
		t.Errorf("an hour after it vanished its latency is still known: %v", got)
	}
	if got := value(t, f, 1, "latency_ref_seconds"); math.IsNaN(got) {
		t.Error("an endpoint that stayed was forgotten")
	}
}

// TestErrorsShrink: one failure of one request is not a failing endpoint.
func TestErrorsShrink(t *testing.T) {
	x := features.New(features.DefaultConfig())
	for k := range 30 {
		push(t, x, window(everything, k, healthy(50), healthy(0.1)))
	}
	f := push(t, x, window(everything, 30, healthy(50).but(mesh.ErrorRatio, 1), healthy(0.1).but(mesh.ErrorRatio, 1)))
	many, one := value(t, f, 0, "error_ratio"), value(t, f, 1, "error_ratio")
	if many < 0.98 || one > 0.2 {
		t.Errorf("all of 500 failing gives %v, one of one %v; want nearly 1 and little", many, one)
	}
}
