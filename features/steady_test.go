package features_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

var close6 = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-5, 1e-6)}

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
		"error_climb_sure": 0, "mean_climbing": 0, "mean_ahead": 0, "error_climbing": 0, "memory_climbing": 0, "mean_climbed": 0, "error_climbed": 0, "memory_climbed": 0,
		"error_burn": 0, "error_burn_long": 0, "latency_burn": 0, "latency_burn_long": 0, "tail_vs_peers": 0, "peers_slow": 0, "young": 0, "metrics_late": 0.3,
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
			[]string{"error_ratio", "error_trend", "error_recent", "error_vs_past", "error_vs_peers", "crossing_error", "error_to_limit",
				"error_burn", "error_burn_long", "error_climb", "error_climb_sure", "error_level", "error_climbed", "error_ahead",
				"log_in_flight", "in_flight_vs_peers", "in_flight_vs_past", "queue_ratio", "waiting", "waiting_ratio",
				"utilization", "utilization_trend", "utilization_vs_past", "tail_ratio", "memory_trend", "memory_vs_past", "cpu_per_request", "up",
				"crossing_utilization", "crossing_memory", "memory_climb", "memory_climb_sure", "memory_vs_peers", "memory_climbed"},
			map[string]float64{"log_latency_mean": math.Log(0.035), "log_latency_p50": math.Log(0.035), "log_latency_p99": math.Log(0.060),
				"latency_ref_seconds": 0.035, "capacity_rps": 1.25 * 50}},
		{"a request rate only", schema(mesh.RequestRate),
			[]string{"error_ratio", "error_trend", "error_recent", "error_vs_past", "error_vs_peers", "crossing_error", "error_to_limit",
				"error_burn", "error_burn_long", "error_climb", "error_climb_sure", "error_level", "error_climbed", "error_ahead",
				"log_latency_mean", "log_latency_p50", "log_latency_p90", "log_latency_p99", "latency_trend", "latency_vs_peers", "latency_vs_past",
				"latency_ref_seconds", "latency_vs_ref", "latency_vs_queue", "crossing_latency", "latency_to_limit",
				"latency_limit_seconds", "tail_to_limit", "mean_to_limit", "crossing_mean", "crossing_soon", "mean_climb", "tail_climb",
				"mean_climb_sure", "tail_climb_sure", "mean_climbed", "mean_ahead", "peers_climb_sure",
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
