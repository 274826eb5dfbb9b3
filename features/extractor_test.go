package features_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

var close6 = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-5, 1e-6)}

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

// TestSteady knows all columns of two equal endpoints that never change.
func TestSteady(t *testing.T) {
	x := features.New(features.DefaultConfig())
	var f *features.Frame
	for k := range 60 {
		f = push(t, x, window(everything, k, healthy(50), healthy(50)))
	}
	q := features.Queue{Capacity: 100, Concurrency: 1, Waiting: 0.5, Horizon: 10, Stretch: 1}
	waited := q.Mean(50)
	want := map[string]float64{
		"log_request_rate": math.Log(51), "log_service_rate": math.Log(101), "share": 0.5, "candidate_load": 0.5,
		"error_ratio": 0, "error_trend": 0, "log_latency_mean": math.Log(0.020), "log_latency_p50": math.Log(0.018),
		"log_latency_p90": math.Log(0.035), "log_latency_p99": math.Log(0.060), "latency_trend": 0,
		"log_in_flight": math.Log(2), "utilization": 0.5, "utilization_trend": 0, "anomaly_score": 0,
		"latency_vs_peers": 0, "error_vs_peers": 0, "in_flight_vs_peers": 0, "latency_vs_past": 0, "metrics_age": 3,
		// One of the two in flight waits in the window, and is served until the decision.
		"service_seconds": 0.010, "waiting": 0, "waiting_ratio": 0, "log_concurrency": 0,
		"latency_vs_queue": math.Log(0.020 / waited), "log_excess": math.Log(0.020 / waited), "log_requests": math.Log(501), "log_span": math.Log(1000),
		"latency_ref_seconds": 0.020, "latency_vs_ref": 0, "capacity_rps": 100, "load_now": 0.5, "load_vs_past": 0, "error_recent": 0,
		"error_vs_past": 0, "in_flight_vs_past": 0, "utilization_vs_past": 0, "capacity_vs_past": 0,
		"tail_ratio": math.Log(0.060 / 0.018), "queue_ratio": 0, "crossing_latency": 0, "crossing_error": 0,
		"latency_to_limit": math.Log(3), "error_to_limit": 0.05, "anomaly_max": 0, "memory_trend": 0,
		"memory_vs_past": 0, "cpu_per_request": math.Log(0.001), "up": 1, "missing_ratio": 0, "peers_failing": 0,
		"latency_limit_seconds": 0.180, "tail_to_limit": math.Log(3), "mean_to_limit": math.Log(3), "crossing_mean": 0, "crossing_soon": 0,
		"crossing_utilization": 0, "crossing_memory": 0, "mean_climb": 0, "mean_climb_sure": 0, "tail_climb": 0, "tail_climb_sure": 0,
		"peers_climb": 0, "peers_climb_sure": 0, "peers_level": 0, "memory_climb": 0, "memory_climb_sure": 0, "memory_vs_peers": 0,
		"error_climb_sure": 0, "mean_climbing": 0, "mean_ahead": 0, "error_climbing": 0, "memory_climbing": 0, "mean_climbed": 0, "error_climbed": 0, "memory_climbed": 0, "error_burn": 0, "error_burn_long": 0,
		"latency_burn": 0, "latency_burn_long": 0, "tail_vs_peers": 0, "peers_slow": 0, "young": 0, "metrics_late": 0.3,
	}
	for i := range 2 {
		got := map[string]float64{}
		for c, name := range f.Names {
			v := float64(f.Row(i)[c])
			if strings.HasPrefix(name, "surprise_") || strings.HasPrefix(name, "late_") {
				if v > 0.01 {
					t.Errorf("endpoint %d: %s is %v of what never changes", i, name, v)
				}
				continue
			}
			if name == "error_ahead" || name == "error_climb" || name == "error_level" { // what half an error would be
				if v > 0.001 {
					t.Errorf("endpoint %d: %s is %v without errors", i, name, v)
				}
				continue
			}
			if strings.Contains(name, "limit") && math.Abs(v-want[name]) < 1e-3 {
				v = want[name] // the usual tail is approached
			}
			got[name] = v
		}
		if diff := cmp.Diff(want, got, close6); diff != "" {
			t.Errorf("endpoint %d (-want +got):\n%s", i, diff)
		}
	}
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

// TestSchemas checks what each kind of schema leaves unknown.
func TestSchemas(t *testing.T) {
	tests := []struct {
		name    string
		schema  *mesh.Schema
		unknown []string
		known   map[string]float64
	}{
		{"haproxy alone: a mean, no quantiles, no utilization",
			schema(mesh.RequestRate, mesh.ErrorRatio, mesh.LatencyMean, mesh.InFlight),
			[]string{"utilization", "utilization_trend", "utilization_vs_past", "tail_ratio", "memory_trend", "memory_vs_past", "cpu_per_request", "up",
				"crossing_utilization", "crossing_memory", "memory_climb", "memory_climb_sure", "memory_vs_peers", "memory_climbed"},
			map[string]float64{"log_latency_p50": math.Log(0.020), "log_latency_p99": math.Log(0.020), "latency_ref_seconds": 0.020,
				"metrics_age": 2, "capacity_rps": 1.25 * 50, "latency_to_limit": math.Log(3)}},
		{"quantiles without a mean, nothing in flight, no errors",
			schema(mesh.RequestRate, mesh.LatencyP90, mesh.LatencyP99),
			[]string{"error_ratio", "error_trend", "error_recent", "error_vs_past", "error_vs_peers", "crossing_error", "error_to_limit", "error_burn", "error_burn_long", "error_climb", "error_climb_sure", "error_level", "error_climbed", "error_ahead",
				"log_in_flight", "in_flight_vs_peers", "in_flight_vs_past", "queue_ratio", "waiting", "waiting_ratio",
				"utilization", "utilization_trend", "utilization_vs_past", "tail_ratio", "memory_trend", "memory_vs_past", "cpu_per_request", "up",
				"crossing_utilization", "crossing_memory", "memory_climb", "memory_climb_sure", "memory_vs_peers", "memory_climbed"},
			map[string]float64{"log_latency_mean": math.Log(0.035), "log_latency_p50": math.Log(0.035), "log_latency_p99": math.Log(0.060),
				"latency_ref_seconds": 0.035, "capacity_rps": 1.25 * 50}},
		{"a request rate only", schema(mesh.RequestRate),
			[]string{"error_ratio", "error_trend", "error_recent", "error_vs_past", "error_vs_peers", "crossing_error", "error_to_limit", "error_burn", "error_burn_long", "error_climb", "error_climb_sure", "error_level", "error_climbed", "error_ahead",
				"log_latency_mean", "log_latency_p50", "log_latency_p90", "log_latency_p99", "latency_trend", "latency_vs_peers", "latency_vs_past",
				"latency_ref_seconds", "latency_vs_ref", "latency_vs_queue", "crossing_latency", "latency_to_limit",
				"latency_limit_seconds", "tail_to_limit", "mean_to_limit", "crossing_mean", "crossing_soon", "mean_climb", "tail_climb", "mean_climb_sure", "tail_climb_sure", "mean_climbed", "mean_ahead", "peers_climb_sure",
				"latency_burn", "latency_burn_long", "tail_vs_peers", "peers_climb", "peers_level",
				"log_in_flight", "in_flight_vs_peers", "in_flight_vs_past", "queue_ratio", "waiting", "waiting_ratio",
				"utilization", "utilization_trend", "utilization_vs_past", "tail_ratio", "memory_trend", "memory_vs_past", "cpu_per_request", "up",
				"crossing_utilization", "crossing_memory", "memory_climb", "memory_climb_sure", "memory_vs_peers", "memory_climbed"},
			map[string]float64{"share": 0.5, "load_now": 0.8}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			x := features.New(features.DefaultConfig())
			var f *features.Frame
			for k := range 40 {
				f = push(t, x, window(test.schema, k, healthy(50), healthy(50)))
			}
			var unknown []string
			for c, v := range f.Row(0) {
				if v != v {
					unknown = append(unknown, f.Names[c])
				}
			}
			sort := cmpopts.SortSlices(strings.Compare)
			if diff := cmp.Diff(test.unknown, unknown, sort); diff != "" {
				t.Errorf("unknown columns (-want +got):\n%s", diff)
			}
			for column, want := range test.known {
				if got := value(t, f, 0, column); math.Abs(got-want) > 1e-3*math.Abs(want) {
					t.Errorf("%s is %v, want %v", column, got, want)
				}
			}
		})
	}
}

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

func TestPeers(t *testing.T) {
	x := features.New(features.DefaultConfig())
	f := push(t, x, window(everything, 0, healthy(50).but(mesh.LatencyMean, 0.080), healthy(50), healthy(50).but(mesh.LatencyMean, 0.040)))
	for i, want := range []float64{math.Log(0.080) - (math.Log(0.020)+math.Log(0.040))/2, math.Log(0.020) - (math.Log(0.080)+math.Log(0.040))/2, 0} {
		if got := value(t, f, i, "latency_vs_peers"); math.Abs(got-want) > 1e-6 {
			t.Errorf("endpoint %d: latency_vs_peers is %v, want %v", i, got, want)
		}
	}
	alone := push(t, features.New(features.DefaultConfig()), window(everything, 0, healthy(50)))
	for _, column := range []string{"latency_vs_peers", "error_vs_peers", "in_flight_vs_peers", "peers_failing"} {
		if got := value(t, alone, 0, column); got != 0 {
			t.Errorf("one endpoint only: %s is %v, want 0", column, got)
		}
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

// TestTrend lets the latency grow steadily towards the limit.
func TestTrend(t *testing.T) {
	cfg := features.DefaultConfig()
	cfg.Objective.MaxLatency = time.Second
	x := features.New(cfg)
	var f *features.Frame
	p99 := 0.060
	for k := range 64 {
		if k >= 30 {
			p99 *= 1.08
		}
		f = push(t, x, window(everything, k, healthy(50).but(mesh.LatencyP99, p99).but(mesh.LatencyMean, p99/3), healthy(50)))
		if got := value(t, f, 0, "crossing_latency"); k <= 50 && got > 0.1 { // six windows later p99 is 0.48 s
			t.Errorf("window %d: crossing_latency is %v while p99 is %v", k, got, p99)
		}
	}
	if got, want := value(t, f, 0, "latency_trend"), math.Log(1.08)*12; math.Abs(got-want) > 0.1*want {
		t.Errorf("latency_trend is %v, want about %v", got, want)
	}
	// p99 is 0.82 s now, 1 s in three windows, and six are looked ahead.
	if got := value(t, f, 0, "crossing_latency"); got < 0.9 {
		t.Errorf("crossing_latency is %v while p99 is %v", got, p99)
	}
	if got := value(t, f, 1, "crossing_latency"); got != 0 {
		t.Errorf("crossing_latency of the steady one is %v", got)
	}
	// A gap of ten steps: the trend is gone, the level is not.
	f = push(t, x, window(everything, 74, healthy(50).but(mesh.LatencyP99, p99).but(mesh.LatencyMean, p99/3), healthy(50)))
	if got := value(t, f, 0, "latency_trend"); got != 0 {
		t.Errorf("after a gap latency_trend is %v, want 0", got)
	}
	if got := value(t, f, 0, "latency_vs_past"); got < 0.5 {
		t.Errorf("after a gap latency_vs_past is %v: the past is lost", got)
	}
}

func TestAnomaly(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x := features.New(features.DefaultConfig())
	var f *features.Frame
	k, loud := 0, 0
	for ; k < 300; k++ {
		f = push(t, x, window(everything, k, noisy(r), noisy(r)))
		if value(t, f, 0, "anomaly_score") > 0.5 {
			loud++
		}
	}
	if loud > 5 {
		t.Errorf("%d of 300 windows of mere noise score above 0.5", loud)
	}
	for range 3 {
		slow := noisy(r)
		for _, s := range []string{mesh.LatencyMean, mesh.LatencyP50, mesh.LatencyP90, mesh.LatencyP99, mesh.InFlight} {
			slow[s] *= 20
		}
		f = push(t, x, window(everything, k, slow, noisy(r)))
		k++
	}
	if a := f.Anomalies[0]; a.Score < 0.8 || len(a.Top) != 3 || !strings.HasPrefix(a.Top[0].Series, "latency_") || a.Top[0].Surprise < a.Top[1].Surprise {
		t.Errorf("20 times slower gives %+v", a)
	}
	if got, want := value(t, f, 0, "anomaly_score"), f.Anomalies[0].Score; math.Abs(got-want) > 1e-6 {
		t.Errorf("column %v, anomaly %v", got, want)
	}
	if a := f.Anomalies[1]; a.Score > 0.5 {
		t.Errorf("the other endpoint gives %+v", a)
	}
	for range 3 {
		f = push(t, x, window(everything, k, noisy(r), noisy(r)))
		k++
	}
	if got := value(t, f, 0, "anomaly_max"); got < 0.8 {
		t.Errorf("three windows later anomaly_max is %v", got)
	}
}

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
