package prom

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/mesh"
)

// An endpoint of the lab answers 4 requests a second, 1 of them with a 5xx, and
// then crashes: its own metrics end, HAProxy goes on and counts what is refused.
func TestLabSeesACrash(t *testing.T) {
	const own = `job="endpoints",service="cart",endpoint="cart-1",subset="v1",zone="z1"`
	const haproxy = `job="haproxy",proxy="cart",server="cart-1"`
	d := situation(t, fmt.Sprintf(`
		haproxy_server_http_responses_total{%[2]s,code="2xx"} 1000+30x10 1300x10
		haproxy_server_http_responses_total{%[2]s,code="5xx"} 1000+10x10 1100x10
		haproxy_server_connection_errors_total{%[2]s} 1000x10 1050+50x10
		haproxy_server_response_errors_total{%[2]s} 1000x20
		http_server_request_duration_seconds_sum{%[1]s} 1000+8x10
		http_server_request_duration_seconds_count{%[1]s} 1000+40x10
		http_server_request_duration_seconds_bucket{%[1]s,le="0.1"} 1000+20x10
		http_server_request_duration_seconds_bucket{%[1]s,le="0.3"} 1000+40x10
		http_server_request_duration_seconds_bucket{%[1]s,le="+Inf"} 1000+40x10
		http_server_in_flight_requests{%[1]s} 1 2 3 1 2 3 1 2 3 1 2
		http_server_workers{%[1]s} 4x10
		http_server_workers_busy_seconds_total{%[1]s} 1000+20x10
		process_cpu_seconds_total{%[1]s} 1000+5x10
		process_cpu_seconds_total{job="haproxy"} 1000+5x10
		process_resident_memory_bytes{%[1]s} 1000000x10
		up{%[1]s} 1x10 0x10
		up{job="haproxy"} 1x20`, own, haproxy))
	s, err := detect(t, d)
	if err != nil || s.Name != "lab" {
		t.Fatal(s, err)
	}
	want := map[int]map[string]float64{
		90: {
			mesh.RequestRate: 4, mesh.ErrorRatio: 0.25, mesh.LatencyMean: 0.2, mesh.LatencyP50: 0.1, mesh.LatencyP90: 0.26, mesh.LatencyP99: 0.296,
			mesh.InFlight: 2, mesh.Utilization: 0.5, mesh.CPU: 0.5, mesh.Memory: 1e6, mesh.Up: 1, mesh.Age: 0,
		},
		180: {
			mesh.RequestRate: 5, mesh.ErrorRatio: 1, mesh.LatencyMean: nan, mesh.LatencyP50: nan, mesh.LatencyP90: nan, mesh.LatencyP99: nan,
			mesh.InFlight: nan, mesh.Utilization: nan, mesh.CPU: nan, mesh.Memory: nan, mesh.Up: 0, mesh.Age: nan,
		},
	}
	for seconds, want := range want {
		q := at(seconds)
		q.Timing = mesh.Timing{Step: 10 * time.Second, Range: 30 * time.Second}
		w := gather(t, d, s, q)
		if len(w) != 1 || len(w[0].Endpoints) != 1 {
			t.Fatalf("windows %+v", w)
		}
		if diff := cmp.Diff(mesh.Endpoint{Name: "cart-1", Subset: "v1", Zone: "z1"}, w[0].Endpoints[0]); diff != "" {
			t.Error(diff)
		}
		got := map[string]float64{}
		for i, series := range s.Series {
			got[series.Name] = w[0].Row(0)[i]
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
			t.Errorf("after %d s: %s", seconds, diff)
		}
	}
}
