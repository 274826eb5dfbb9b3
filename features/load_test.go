package features_test

import (
	"math"
	"testing"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// TestIdle has an endpoint without requests keep what was known of it.
func TestIdle(t *testing.T) {
	x := features.New(features.DefaultConfig())
	for k := range 60 {
		push(t, x, window(everything, k, healthy(50), healthy(50)))
	}
	push(t, x, window(everything, 60, healthy(50).but(mesh.LatencyMean, 0.080), healthy(50)))
	idle := seen{mesh.RequestRate: 0, mesh.InFlight: 0, mesh.Utilization: 0, mesh.CPU: 0, mesh.Memory: 1e8, mesh.Up: 1, mesh.Age: 3}
	f := push(t, x, window(everything, 61, idle, healthy(50)))
	after := value(t, f, 0, "latency_ref_seconds")
	if after < 0.04 || after > 0.08 {
		t.Errorf("right after 0.08 s the reference is %v", after)
	}
	for _, column := range f.Names {
		if v := value(t, f, 0, column); math.IsNaN(v) {
			t.Errorf("%s is unknown while idle", column)
		}
	}
	if got := value(t, f, 0, "log_latency_mean"); math.Abs(got-math.Log(0.080)) > 1e-6 {
		t.Errorf("log mean latency while idle is %v, want the last, %v", got, math.Log(0.080))
	}
	for column, want := range map[string]float64{"log_request_rate": 0, "share": 0, "load_now": 0, "missing_ratio": 0} {
		if got := value(t, f, 0, column); got != want {
			t.Errorf("%s while idle is %v, want %v", column, got, want)
		}
	}
	for k := range 100 {
		f = push(t, x, window(everything, 62+k, idle, healthy(50)))
	}
	if got := value(t, f, 0, "latency_ref_seconds"); math.Abs(got-0.021) > 0.001 {
		t.Errorf("after a long idle time the reference is %v, want the slow level, about 0.021", got)
	}
	if got := value(t, f, 0, "capacity_rps"); math.Abs(got-100) > 1 {
		t.Errorf("after a long idle time the capacity is %v, want 100", got)
	}
	f = push(t, x, window(everything, 162, idle, idle.but(mesh.Up, 1)))
	if got := value(t, f, 0, "share"); got != 0.5 {
		t.Errorf("share of two idle endpoints is %v, want 0.5", got)
	}
}

// TestCapacity slows an endpoint down to a quarter.
func TestCapacity(t *testing.T) {
	x := features.New(features.DefaultConfig())
	k := 0
	var f *features.Frame
	run := func(n int, e seen) float64 {
		for range n {
			f = push(t, x, window(everything, k, e))
			k++
		}
		return value(t, f, 0, "capacity_rps")
	}
	if got := run(30, healthy(20)); math.Abs(got-100) > 1 {
		t.Errorf("20 rps at 20 %% utilization: capacity %v, want 100", got)
	}
	slow := healthy(20).but(mesh.Utilization, 0.8)
	if got := run(4, slow); got > 45 {
		t.Errorf("4 windows after the slow-down to 25 rps the capacity is %v, want at most 45", got)
	}
	if got := run(20, slow); math.Abs(got-25) > 2 {
		t.Errorf("20 windows after the slow-down the capacity is %v, want 25", got)
	}
	if got := run(40, slow.but(mesh.ErrorRatio, 0.9).but(mesh.Utilization, 0.08)); math.Abs(got-25) > 5 {
		t.Errorf("quick failures moved the capacity to %v", got)
	}
	before := run(20, slow)
	if got := run(1, healthy(0.1).but(mesh.Utilization, 0.06)); math.Abs(got-before) > 2 {
		t.Errorf("the noise of one nearly idle window moved the capacity from %v to %v", before, got)
	}
	if got := run(100, healthy(0).but(mesh.Utilization, 0)); math.Abs(got-before) > 5 {
		t.Errorf("a long idle time moved the capacity from %v to %v", before, got)
	}
	if got := run(1, healthy(900).but(mesh.Utilization, nan)); got < 300 {
		t.Errorf("at 900 rps the capacity is %v, want at least 300", got)
	}
}

// TestMissingRate keeps the load through a scrape that failed.
func TestMissingRate(t *testing.T) {
	x := features.New(features.DefaultConfig())
	s := schema(mesh.RequestRate, mesh.LatencyMean)
	push(t, x, window(s, 0, healthy(50)))
	f := push(t, x, window(s, 1, seen{}))
	if got := value(t, f, 0, "log_request_rate"); math.Abs(got-math.Log(51)) > 1e-6 {
		t.Errorf("after one window without a rate it is %v", got)
	}
	for k := 2; k < 6; k++ {
		f = push(t, x, window(s, k, seen{}))
	}
	if got := value(t, f, 0, "log_request_rate"); got != 0 {
		t.Errorf("after five windows without a rate it is %v, want 0", got)
	}
}
