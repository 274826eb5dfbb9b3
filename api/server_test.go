package api_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router/discovery"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDecide(t *testing.T) {
	table := newTable(t, reviews)
	publish(table, "reviews", 0.6, 0.2, 0.2)
	client, _, _ := serve(t, table, nil)
	got, err := client.Decide(t.Context(), &fairwayv1.DecideRequest{
		Service: "reviews", Path: "/x?q=1", Headers: map[string]string{"End-User": "jason"}, WantWeights: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &fairwayv1.Decision{
		Service: "reviews", Route: "jason", Priority: 10,
		Destination:  &fairwayv1.Destination{Subset: "v2"},
		Endpoint:     &fairwayv1.Endpoint{Name: "r3", Address: "127.0.0.1:9003", Zone: "a", Subset: "v2"},
		Timeout:      durationpb.New(time.Second),
		Weights:      []*fairwayv1.EndpointWeight{{Endpoint: "r1"}, {Endpoint: "r2"}, {Endpoint: "r3", Weight: 1}},
		Source:       fairwayv1.Decision_RULES, // one endpoint: nothing was left to the model
		Policy:       "learned",
		ModelVersion: "test@7", RulesVersion: "1.2.3", TableVersion: 2,
		Propensity: 1,
		MetricsAge: durationpb.New(2 * time.Second),
		Ttl:        durationpb.New(10 * time.Second),
		DecidedAt:  timestamppb.New(noon), MetricsAt: timestamppb.New(noon.Add(-2 * time.Second)),
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

// TestSplit: 90/10 over the subsets is the rule's, 3/1 inside v1 the model's.
func TestSplit(t *testing.T) {
	table := newTable(t, reviews)
	publish(table, "reviews", 0.6, 0.2, 0.2)
	client, _, _ := serve(t, table, nil)
	const batches, size = 10, 1000
	request := &fairwayv1.DecideBatchRequest{}
	for range size {
		request.Requests = append(request.Requests, &fairwayv1.DecideRequest{Service: "reviews"})
	}
	count := map[string]float64{}
	for range batches {
		answer, err := client.DecideBatch(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range answer.Decisions {
			count[d.Endpoint.Name]++
			if want := map[string]float64{"r1": 0.675, "r2": 0.225, "r3": 0.1}[d.Endpoint.Name]; !near(d.Propensity, want) {
				t.Fatalf("%s was drawn with propensity %v; want %v", d.Endpoint.Name, d.Propensity, want)
			}
		}
	}
	chi2 := 0.0
	for name, share := range map[string]float64{"r1": 0.675, "r2": 0.225, "r3": 0.1} {
		expected := share * batches * size
		chi2 += (count[name] - expected) * (count[name] - expected) / expected
	}
	if chi2 > 13.8 { // 2 degrees of freedom: p = 0.001. The seed is fixed; of 2000 seeds 98 exceed p = 0.05
		t.Errorf("split %v; chi-squared is %.1f", count, chi2)
	}
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

func TestSessionsStick(t *testing.T) {
	client, _, _ := serve(t, newTable(t, reviews), nil)
	used := map[string]bool{}
	for user := range 50 {
		request := &fairwayv1.DecideRequest{Service: "reviews", SessionKey: fmt.Sprint("user-", user)}
		first, err := client.Decide(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		second, err := client.Decide(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		if first.Endpoint.Name != second.Endpoint.Name {
			t.Errorf("%s went to %s, then to %s", request.SessionKey, first.Endpoint.Name, second.Endpoint.Name)
		}
		used[first.Endpoint.Name] = true
	}
	if len(used) != 3 {
		t.Errorf("50 sessions went to %v only", used)
	}
}

// TestBatchIsOneLook: however often the table changes meanwhile, all decisions
// of a batch are of one state of it, also where they are of two services.
func TestBatchIsOneLook(t *testing.T) {
	table := newTable(t, two)
	server, err := api.New(table, api.NewMetrics(prometheus.NewRegistry(), time.Now), api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	request := &fairwayv1.DecideBatchRequest{}
	for i := range 1000 {
		request.Requests = append(request.Requests, &fairwayv1.DecideRequest{Service: []string{"a", "b"}[i%2], WantWeights: true})
	}
	publish(table, "a", 0.5, 0.5)
	publish(table, "b", 0.5, 0.5)
	done := make(chan struct{})
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				publish(table, "a", 0.5, 0.5)
				publish(table, "b", 0.5, 0.5)
			}
		}
	})
	defer publishing.Wait()
	defer close(done)
	first := table.Version()
	for table.Version() < first+1000 {
		answer, err := server.DecideBatch(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		a, b := answer.Decisions[0].TableVersion, answer.Decisions[1].TableVersion
		if a != b+1 && b != a+1 { // they take turns
			t.Fatalf("a is of version %d and b of %d", a, b)
		}
		for i, d := range answer.Decisions {
			if want := []uint64{a, b}[i%2]; d.TableVersion != want {
				t.Fatalf("decision %d of %s is of version %d, and the first one of %d", i, d.Service, d.TableVersion, want)
			}
		}
	}
}

func TestNoEndpoints(t *testing.T) {
	client, _, reg := serve(t, newTable(t, reviews), nil)
	for range 2 {
		got, err := client.Decide(t.Context(), &fairwayv1.DecideRequest{Service: "nobody", WantWeights: true})
		if err != nil {
			t.Fatal(err)
		}
		if got.Endpoint.Name != "" || got.Reason != "no_endpoints" || got.Source != fairwayv1.Decision_DEFAULT || len(got.Weights) != 0 || got.DecidedAt != nil {
			t.Errorf("got %v", got)
		}
	}
	want := strings.NewReader(`
# HELP fairway_decisions_total Requests decided, by who set the weights and, where that was not the model, why. The service is empty when it is not known.
# TYPE fairway_decisions_total counter
fairway_decisions_total{reason="no_endpoints",service="",source="DEFAULT"} 2
`)
	if err := testutil.GatherAndCompare(reg, want, "fairway_decisions_total"); err != nil {
		t.Error(err)
	}
}

func TestBadRequests(t *testing.T) {
	client, _, reg := serve(t, newTable(t, reviews), func(c *api.Config) { c.MaxHeaders, c.MaxBytes, c.MaxBatch = 2, 100, 2 })
	ask := func(in *fairwayv1.DecideRequest) error {
		_, err := client.Decide(t.Context(), in)
		return err
	}
	batch := func(in ...*fairwayv1.DecideRequest) error {
		_, err := client.DecideBatch(t.Context(), &fairwayv1.DecideBatchRequest{Requests: in})
		return err
	}
	good := &fairwayv1.DecideRequest{Service: "reviews"}
	long := strings.Repeat("x", 100)
	three := []string{"reviews", "reviews", "reviews"}
	_, forecast := client.Forecast(t.Context(), &fairwayv1.ForecastRequest{Services: three})
	watching, watch := client.Watch(t.Context(), &fairwayv1.WatchRequest{Services: three})
	if watch == nil {
		_, watch = watching.Recv()
	}
	_, explained := client.Explain(t.Context(), &fairwayv1.DecideRequest{})
	for _, test := range []struct {
		name, field string
		err         error
	}{
		{"no service", "service", ask(&fairwayv1.DecideRequest{})},
		{"explain too", "service", explained},
		{"headers", "headers", ask(&fairwayv1.DecideRequest{Service: "s", Headers: map[string]string{"a": "", "b": "", "c": ""}})},
		{"header size", "headers", ask(&fairwayv1.DecideRequest{Service: "s", Headers: map[string]string{"a": long}})},
		{"path", "path", ask(&fairwayv1.DecideRequest{Service: "s", Path: long})},
		{"labels", "source.labels", ask(&fairwayv1.DecideRequest{Service: "s", Source: &fairwayv1.DecideRequest_Source{Labels: map[string]string{"a": long}}})},
		{"zone", "path", ask(&fairwayv1.DecideRequest{Service: "s", Source: &fairwayv1.DecideRequest_Source{Zone: long}})},
		{"forecast", "services", forecast},
		{"watch", "services", watch},
		{"batch", "requests", batch(good, good, good)},
		{"in a batch", "requests[1].service", batch(good, &fairwayv1.DecideRequest{})},
	} {
		st := status.Convert(test.err)
		if st.Code() != codes.InvalidArgument || len(st.Details()) != 2 {
			t.Errorf("%s: %v", test.name, test.err)
			continue
		}
		if field := st.Details()[0].(*errdetails.BadRequest).FieldViolations[0].Field; field != test.field {
			t.Errorf("%s: the field is %q; want %q", test.name, field, test.field)
		}
	}
	want := strings.NewReader(`
# HELP fairway_requests_total Calls of the API that ended, by operation and gRPC status.
# TYPE fairway_requests_total counter
fairway_requests_total{grpc_status="InvalidArgument",operation="Decide"} 6
fairway_requests_total{grpc_status="InvalidArgument",operation="DecideBatch"} 2
fairway_requests_total{grpc_status="InvalidArgument",operation="Explain"} 1
fairway_requests_total{grpc_status="InvalidArgument",operation="Forecast"} 1
fairway_requests_total{grpc_status="InvalidArgument",operation="Watch"} 1
fairway_requests_total{grpc_status="OK",operation="Decide"} 0
fairway_requests_total{grpc_status="OK",operation="DecideBatch"} 0
fairway_requests_total{grpc_status="OK",operation="Explain"} 0
fairway_requests_total{grpc_status="OK",operation="Forecast"} 0
`)
	if err := testutil.GatherAndCompare(reg, want, "fairway_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestRoute(t *testing.T) {
	client, _, _ := serve(t, newTable(t, reviews), nil)
	stream, err := client.Route(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"jason", "someone", "jason"} {
		in := &fairwayv1.DecideRequest{Service: "reviews", Headers: map[string]string{"end-user": user}}
		if err := stream.Send(in); err != nil {
			t.Fatal(err)
		}
		out, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]string{"jason": "jason", "someone": "split"}[user]; out.Route != want {
			t.Errorf("%s took route %q; want %q", user, out.Route, want)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("after the last request: %v; want the end", err)
	}
	if stream, err = client.Route(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&fairwayv1.DecideRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a request without a service: %v", err)
	}
}

func TestReport(t *testing.T) {
	client, _, reg := serve(t, newTable(t, reviews), nil)
	stream, err := client.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*fairwayv1.OutcomeReport{
		{Service: "reviews", Endpoint: "r1", Status: 200},
		{Service: "reviews", Endpoint: "r1", Status: 503},
		{Service: "reviews", Endpoint: "r2"},
		{Service: "reviews", Endpoint: "r9", Status: 200},
		{Service: "nobody", Endpoint: "r1", Status: 200},
	} {
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := stream.CloseAndRecv()
	if err != nil {
		t.Fatal(err)
	}
	if sum.Received != 5 || sum.Accepted != 3 {
		t.Errorf("got %v", sum)
	}
	want := strings.NewReader(`
# HELP fairway_reports_total Outcomes reported: ok, failed (5xx or no answer), unknown when the table lacks the endpoint, or the field for which one was refused.
# TYPE fairway_reports_total counter
fairway_reports_total{result="failed",service="reviews"} 2
fairway_reports_total{result="ok",service="reviews"} 1
fairway_reports_total{result="unknown",service=""} 2
`)
	if err := testutil.GatherAndCompare(reg, want, "fairway_reports_total"); err != nil {
		t.Error(err)
	}
}

func TestForecast(t *testing.T) {
	table := newTable(t, reviews)
	client, _, _ := serve(t, table, nil)
	before, err := client.Forecast(t.Context(), &fairwayv1.ForecastRequest{})
	if err != nil || len(before.Forecasts) != 0 {
		t.Errorf("before the first window: %v, %v", before, err)
	}
	publish(table, "reviews", 0.6, 0.2, 0.2)
	got, err := client.Forecast(t.Context(), &fairwayv1.ForecastRequest{Services: []string{"nobody", "reviews", "reviews"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Forecasts) != 3 || got.Forecasts[0].PredictedTime != nil {
		t.Fatalf("got %v", got)
	}
	want := &fairwayv1.EndpointForecast{
		Service: "reviews", Endpoint: "r3", FailureProbability: 0.4, Low: 0.1, High: 0.6, Confidence: 0.5,
		Horizon: durationpb.New(30 * time.Second), AsOf: timestamppb.New(noon), AnomalyScore: 0.25,
		PredictedTime: &fairwayv1.EndpointForecast_PredictedTime{
			P10: timestamppb.New(noon.Add(1 * time.Second)), P50: timestamppb.New(noon.Add(2 * time.Second)), P90: timestamppb.New(noon.Add(3 * time.Second)),
		},
		TopMetrics: []*fairwayv1.TopMetric{{Metric: "cpu_cores", Surprise: 4}},
	}
	if diff := cmp.Diff(want, got.Forecasts[2], protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestExplain(t *testing.T) {
	table := newTable(t, reviews)
	publish(table, "reviews", 0.6, 0.2, 0.2)
	client, _, _ := serve(t, table, nil)
	got, err := client.Explain(t.Context(), &fairwayv1.DecideRequest{Service: "reviews", Headers: map[string]string{"end-user": "amy"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rules) != 2 || got.Rules[0].Matched || !strings.Contains(got.Rules[0].Why, "amy") || !got.Rules[1].Matched {
		t.Errorf("rules tried: %v", got.Rules)
	}
	if got.Decision.Route != "split" || len(got.Decision.Weights) != 3 {
		t.Errorf("decision: %v", got.Decision)
	}
	view := got.Endpoints[0]
	if view.Endpoint.Address != "127.0.0.1:9001" || !near(view.Weight, 0.6) || view.Prediction.P90.AsDuration() != 20*time.Millisecond ||
		view.Prediction.P99 != nil || view.Prediction.Preference != nil || view.Forecast.Endpoint != "r1" {
		t.Errorf("endpoint: %v", view)
	}
	if _, unknown := view.Features["error_ratio"]; unknown || len(view.Features) != 1 {
		t.Errorf("features: %v; want those that are known", view.Features)
	}
	if len(got.Policies) != 1 || !got.Policies[0].Answered || got.Policies[0].Policy != "learned" {
		t.Errorf("policies: %v", got.Policies)
	}
	if got, err = client.Explain(t.Context(), &fairwayv1.DecideRequest{Service: "nobody"}); err != nil || got.Decision.Reason != "no_endpoints" {
		t.Errorf("unknown service: %v, %v", got, err)
	}
	table.Know(discovery.NewSnapshot(1, []*discovery.Service{{Name: "cart.shop.svc", Names: []string{"cart"}}, {Name: "cart.test.svc", Names: []string{"cart"}}}))
	want := []string{"2 services are called so, and the name means none of them: ask for cart.shop.svc, or cart.test.svc"}
	if got, err = client.Explain(t.Context(), &fairwayv1.DecideRequest{Service: "Cart"}); err != nil || !slices.Equal(got.Notes, want) {
		t.Errorf("two services: %v, %v", got, err)
	}
}

func TestHealthAndReflection(t *testing.T) {
	_, conn, _ := serve(t, newTable(t, reviews), nil)
	for _, service := range []string{"", "fairway.v1.Router"} {
		answer, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
		if err != nil || answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", service, answer, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil || !strings.Contains(answer.String(), "fairway.v1.Router") {
		t.Errorf("reflection: %v, %v", answer, err)
	}
}
