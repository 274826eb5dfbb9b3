package api_test

import (
	"math"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// TestServiceMetrics: what the metrics said of a service is that of its
// endpoints, weighted by their requests, without what is not known.
func TestServiceMetrics(t *testing.T) {
	table, nan := newTable(t, reviews), math.NaN()
	_, _, reg := serve(t, table, nil)
	schema := &mesh.Schema{Name: "x", Series: []mesh.Series{{Name: mesh.RequestRate}, {Name: mesh.ErrorRatio}, {Name: mesh.LatencyP99}}}
	f := &features.Frame{Window: mesh.Window{
		Service: "reviews", Time: noon, End: noon, Schema: schema,
		Endpoints: []mesh.Endpoint{{Name: "r1"}, {Name: "r2"}, {Name: "r3"}, {Name: "gone"}},
		Values: []float64{
			30, 0.1, nan,
			10, 0.5, 0.25,
			20, nan, 0.125,
			0, 1, 9, // no requests: says nothing of the service
		},
	}}
	table.Publish(&router.Decision{Service: "reviews", Time: noon, Endpoints: f.Endpoints, Weights: mesh.Weights{1, 0, 0, 0}, Ejected: make([]bool, 4), Source: router.SourceRules, Reason: router.WarmUp, Policy: "static", Model: "m@3"}, f)
	want := strings.NewReader(`
# HELP fairway_rules_info The rules in force; always 1.
# TYPE fairway_rules_info gauge
fairway_rules_info{version="1.2.3"} 1
# HELP fairway_service_error_ratio Part of a service's requests that failed, as its metrics said when they were last decided upon.
# TYPE fairway_service_error_ratio gauge
fairway_service_error_ratio{service="reviews"} 0.2
# HELP fairway_service_info Who sets the weights of a service, and why that is not the model; always 1.
# TYPE fairway_service_info gauge
fairway_service_info{model="m@3",policy="static",reason="warm_up",service="reviews",source="RULES"} 1
# HELP fairway_service_latency_p99_seconds The p99 latency of the service's endpoint where it is the highest, as the metrics said when they were last decided upon.
# TYPE fairway_service_latency_p99_seconds gauge
fairway_service_latency_p99_seconds{service="reviews"} 0.25
# HELP fairway_service_request_rate Requests per second of a service, as its metrics said when they were last decided upon.
# TYPE fairway_service_request_rate gauge
fairway_service_request_rate{service="reviews"} 60
`)
	err := testutil.GatherAndCompare(reg, want, "fairway_rules_info", "fairway_service_error_ratio", "fairway_service_info",
		"fairway_service_latency_p99_seconds", "fairway_service_latency_mean_seconds", "fairway_service_request_rate")
	if err != nil {
		t.Error(err)
	}
}
