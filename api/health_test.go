package api_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/health"
)

// drained publishes a decision about reviews in which the first endpoint is
// drained, and the second, if it is there, held out.
func drained(table *router.Table, endpoints ...string) {
	n := len(endpoints)
	d := &router.Decision{Service: "reviews", Time: noon, Policy: "learned", Ejected: make([]bool, n)}
	f := &features.Frame{Window: mesh.Window{Service: "reviews", Time: noon, End: noon, Schema: &mesh.Schema{Name: "none"}}}
	for i, name := range endpoints {
		d.Endpoints = append(d.Endpoints, mesh.Endpoint{Name: name})
		d.Weights = append(d.Weights, 1/float64(n))
		d.Failures = append(d.Failures, predict.Failure{Probability: 0.62, Low: 0.5, Likely: true, Time: [3]float64{math.NaN(), 1, math.Inf(1)}})
		taken := router.Drain{Part: 0.5, Reason: "failing 62 % within 5 min, memory", Propensity: 0.9}
		if i == 1 {
			taken = router.Drain{Reason: "failing 62 % within 5 min, memory", HeldOut: true, Propensity: 0.1}
		}
		d.Drains = append(d.Drains, taken)
		d.Health = append(d.Health, health.Combine(
			health.Checked{State: health.Healthy, Passed: 1, Total: 2, Reason: "check tcp: refused"},
			health.Passive{Known: true, ErrorRatio: 0.01, Failing: 1, Deviation: -0.5},
			health.Forecast{Known: true, Probability: 0.62, Likely: true, Drained: taken.Part, Reason: taken.Reason}))
	}
	f.Endpoints = d.Endpoints
	table.Publish(d, f)
}

func TestDrainsAndHealth(t *testing.T) {
	table := newTable(t, reviews)
	drained(table, "r1", "r2")
	client, _, _ := serve(t, table, nil)
	got, err := client.Explain(t.Context(), &fairwayv1.DecideRequest{Service: "reviews"})
	if err != nil {
		t.Fatal(err)
	}
	want := &fairwayv1.Health{
		State: "draining", Reason: "failing 62 % within 5 min, memory",
		Checks:  &fairwayv1.Health_Checks{Passed: 1, Total: 2, Reason: "check tcp: refused", State: "healthy"},
		Passive: &fairwayv1.Health_Passive{ErrorRatio: 0.01, FailingWindows: 1, Deviation: -0.5},
	}
	if diff := cmp.Diff(want, got.Endpoints[0].Health, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if got.Endpoints[1].Health.State != "degraded" || got.Endpoints[2].Health != nil {
		t.Errorf("held out, and not in the metrics: %v, %v", got.Endpoints[1].Health, got.Endpoints[2].Health)
	}
	forecast, err := client.Forecast(t.Context(), &fairwayv1.ForecastRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []*fairwayv1.Drain{
		{Part: 0.5, Reason: "failing 62 % within 5 min, memory", Propensity: 0.9},
		{Reason: "failing 62 % within 5 min, memory", HeldOut: true, Propensity: 0.1},
	} {
		if diff := cmp.Diff(want, forecast.Forecasts[i].Drain, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
		if forecast.Forecasts[i].PredictedTime != nil {
			t.Errorf("a time that is no number is told: %v", forecast.Forecasts[i].PredictedTime)
		}
	}
}

// TestEndpointSeriesLeave with their endpoint, and a state's with the state.
func TestEndpointSeriesLeave(t *testing.T) {
	table := newTable(t, reviews)
	reg := prometheus.NewRegistry()
	reg.MustRegister(api.TableMetrics(table))
	compare := func(want string) {
		t.Helper()
		err := testutil.GatherAndCompare(reg, strings.NewReader(want), "fairway_failure_probability", "fairway_endpoint_drained", "fairway_endpoint_health")
		if err != nil {
			t.Error(err)
		}
	}
	const head = `
# HELP fairway_endpoint_drained Part of its weight that a forecast takes from an endpoint; 1 leaves the floor.
# TYPE fairway_endpoint_drained gauge
fairway_endpoint_drained{endpoint="r1",service="reviews"} 0.5
`
	drained(table, "r1", "r2")
	compare(head + `fairway_endpoint_drained{endpoint="r2",service="reviews"} 0
# HELP fairway_endpoint_health 1 for the state that an endpoint is in: unknown, healthy, degraded, draining or unhealthy.
# TYPE fairway_endpoint_health gauge
fairway_endpoint_health{endpoint="r1",service="reviews",state="draining"} 1
fairway_endpoint_health{endpoint="r2",service="reviews",state="degraded"} 1
# HELP fairway_failure_probability Forecast probability that an endpoint fails within the horizon of the model.
# TYPE fairway_failure_probability gauge
fairway_failure_probability{endpoint="r1",service="reviews"} 0.62
fairway_failure_probability{endpoint="r2",service="reviews"} 0.62
`)
	drained(table, "r1")
	compare(head + `# HELP fairway_endpoint_health 1 for the state that an endpoint is in: unknown, healthy, degraded, draining or unhealthy.
# TYPE fairway_endpoint_health gauge
fairway_endpoint_health{endpoint="r1",service="reviews",state="draining"} 1
# HELP fairway_failure_probability Forecast probability that an endpoint fails within the horizon of the model.
# TYPE fairway_failure_probability gauge
fairway_failure_probability{endpoint="r1",service="reviews"} 0.62
`)
	publish(table, "reviews", 0.5, 0.5) // of a policy that neither drains nor judges
	if n, err := testutil.GatherAndCount(reg, "fairway_endpoint_drained", "fairway_endpoint_health"); err != nil || n != 0 {
		t.Errorf("%d series left, %v", n, err)
	}
}
