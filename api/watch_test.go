package api_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

const two = `
services:
  - name: a
    endpoints: [{name: r1}, {name: r2}]
  - name: b
    endpoints: [{name: r1}, {name: r2}]
`

func watch(t *testing.T, client fairwayv1.RouterClient, resume uint64, services ...string) (next func() *fairwayv1.ServiceWeights) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	stream, err := client.Watch(ctx, &fairwayv1.WatchRequest{Services: services, ResumeVersion: resume})
	if err != nil {
		t.Fatal(err)
	}
	return func() *fairwayv1.ServiceWeights {
		t.Helper()
		for {
			w, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if w.Service != "" { // no heartbeat
				return w
			}
		}
	}
}

func sketch(w *fairwayv1.ServiceWeights) string {
	var parts []string
	if len(w.Routes) > 0 {
		for _, e := range w.Routes[0].Weights {
			parts = append(parts, fmt.Sprintf("%s=%.2f", e.Endpoint, e.Weight))
		}
	}
	return fmt.Sprintf("%s v%d %s", w.Service, w.TableVersion, strings.Join(parts, " "))
}

func TestWatch(t *testing.T) {
	table := newTable(t, two)
	client, _, _ := serve(t, table, nil)
	next := watch(t, client, 0)
	expect := func(want string) {
		t.Helper()
		if got := sketch(next()); got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	expect("a v1 r1=0.50 r2=0.50")
	expect("b v1 r1=0.50 r2=0.50")
	publish(table, "b", 0.25, 0.75)
	expect("b v2 r1=0.25 r2=0.75")
	publish(table, "a", 0.10, 0.90)
	expect("a v3 r1=0.10 r2=0.90")

	// Who holds version 2 misses a only; who holds one from another server,
	// everything.
	next = watch(t, client, 2)
	expect("a v3 r1=0.10 r2=0.90")
	next = watch(t, client, 99)
	expect("a v3 r1=0.10 r2=0.90")
	expect("b v2 r1=0.25 r2=0.75")

	next = watch(t, client, 0, "b", "nobody")
	expect("b v2 r1=0.25 r2=0.75")
	if w := next(); w.Service != "nobody" || w.Reason != "no_endpoints" || len(w.Endpoints) != 0 {
		t.Errorf("got %v", w)
	}
	publish(table, "a", 0.5, 0.5) // not asked for
	publish(table, "b", 0.5, 0.5)
	expect("b v5 r1=0.50 r2=0.50")
}

func TestWatchTellsRoutes(t *testing.T) {
	table := newTable(t, reviews)
	publish(table, "reviews", 0.6, 0.2, 0.2)
	client, _, _ := serve(t, table, nil)
	w := watch(t, client, 0)()
	var routes []string
	for _, r := range w.Routes {
		sum := 0.0
		for _, e := range r.Weights {
			sum += e.Weight
		}
		routes = append(routes, fmt.Sprintf("%s %v %.0f", r.Name, r.MatchesAll, sum))
	}
	if got := strings.Join(routes, ", "); got != "jason false 1, split true 1, default true 1" {
		t.Errorf("routes: %s", got)
	}
	if w.Source != fairwayv1.Decision_MODEL || !w.AsOf.AsTime().Equal(noon) || w.Ttl.AsDuration() != 10*time.Second || w.RulesVersion != "1.2.3" {
		t.Errorf("got %v", w)
	}
}

// TestHeartbeats follow the first sending, and come at least twice per ttl when
// nothing changes; a Watch resumed from one misses nothing.
func TestHeartbeats(t *testing.T) {
	file, err := rules.Parse("test.yaml", []byte(two))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	cfg := router.DefaultConfig()
	cfg.TTL, cfg.FirstVersion = 50*time.Millisecond, 1000
	table := router.NewTable(set, cfg)
	publish(table, "b", 0.25, 0.75)
	client, _, _ := serve(t, table, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := client.Watch(ctx, &fairwayv1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	header, err := stream.Header()
	if err != nil || len(header.Get(api.Life)) != 1 || header.Get(api.Life)[0] != "1000" {
		t.Fatalf("header %v, %v", header, err)
	}
	for i, want := range []string{"a", "b", "", "", ""} {
		w, err := stream.Recv()
		if err != nil || w.Service != want || w.Ttl.AsDuration() != cfg.TTL {
			t.Fatalf("message %d: %v, %v", i, w, err)
		}
		if want == "" && w.TableVersion != 1001 {
			t.Errorf("heartbeat of version %d", w.TableVersion)
		}
	}
	publish(table, "a", 0.5, 0.5)
	again := watch(t, client, 1001)
	if got := sketch(again()); got != "a v1002 r1=0.50 r2=0.50" {
		t.Errorf("resumed: %s", got)
	}
}

// TestWatchTellsTrials: what requests meet, and what is tried.
func TestWatchTellsTrials(t *testing.T) {
	table := newTable(t, reviews)
	publish(table, "reviews", 0.6, 0.2, 0.2)
	table.Try(table.Rules(), 0.25)
	d := &router.Decision{Service: "reviews", Time: noon, Source: router.SourceModel, Model: "test@8", Weights: mesh.Weights{0, 0, 1}, Ejected: make([]bool, 3)}
	d.Endpoints = table.Load("reviews").Decision.Endpoints
	d.Board = picker.Board{InFlight: []float64{4, math.NaN(), 1}, Capacity: []float64{100, -1, math.Inf(1)}, Service: []float64{0.01}}
	table.PublishAll([]router.Made{{Decision: d, Frame: table.Load("reviews").Frame}}, []router.Made{{Decision: d, Frame: table.Load("reviews").Frame}})
	client, _, _ := serve(t, table, nil)
	w := watch(t, client, 0)()
	if w.Trial.GetShare() != 0.25 || w.Trial.GetModelVersion() != "test@8" || w.Trial.GetRulesVersion() != "1.2.3" {
		t.Errorf("trial %v", w.Trial)
	}
	jason := w.Routes[0]
	if c := jason.Match; len(c) != 1 || c[0].Of != "header" || c[0].Name != "end-user" || c[0].Op != "exact" || c[0].Value != "jason" || !jason.Met || jason.MatchesAll {
		t.Errorf("route %v", jason)
	}
	var told []string
	for _, l := range w.Loads {
		told = append(told, fmt.Sprintf("%s %v %v %v", l.Endpoint, l.InFlight, l.ServiceTime.AsDuration(), l.Capacity))
	}
	if got := strings.Join(told, ", "); got != "r1 4 10ms 100, r3 1 0s 0" {
		t.Errorf("loads %s", got)
	}
}

// TestWatchTellsWhatIsGone: who watches all hears once of a service that the rules no
// longer have, and that nothing is sent to it.
func TestWatchTellsWhatIsGone(t *testing.T) {
	table := newTable(t, two)
	client, _, _ := serve(t, table, nil)
	next := watch(t, client, 0)
	next()
	next()
	file, err := rules.Parse("test.yaml", []byte("services: [{name: a, endpoints: [{name: r1}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	table.SetRules(set)
	if w := next(); w.Service != "a" || len(w.Endpoints) != 1 {
		t.Errorf("got %v", w)
	}
	if w := next(); w.Service != "b" || len(w.Endpoints) != 0 || w.TableVersion != table.Version() {
		t.Errorf("got %v", w)
	}
	publish(table, "a", 1)
	if w := next(); w.Service != "a" {
		t.Errorf("got %v", w)
	}
}

// TestSlowWatcher: a client that does not read for thousands of changes gets a
// few old ones, which were on the way, and then the newest.
func TestSlowWatcher(t *testing.T) {
	table := newTable(t, two)
	client, _, _ := serve(t, table, nil)
	next := watch(t, client, 0, "a")
	next()
	const changes = 5000
	for i := range changes {
		publish(table, "a", float64(i)/changes, 1-float64(i)/changes)
	}
	newest, read := table.Version(), 0
	for w := next(); w.TableVersion < newest; w = next() {
		read++
	}
	if read > changes/2 {
		t.Errorf("read %d of %d changes before the newest; a slow client should miss most", read, changes)
	}
}

// TestClose: a watch ends with a status that says to ask elsewhere.
func TestClose(t *testing.T) {
	table := newTable(t, two)
	metrics := api.NewMetrics(prometheus.NewRegistry(), time.Now)
	server, err := api.New(table, metrics, api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	server.Close()
	err = server.Watch(&fairwayv1.WatchRequest{}, silent{ctx: t.Context()})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v; want Unavailable", err)
	}
}

// silent is a stream that takes everything.
type silent struct {
	grpc.ServerStreamingServer[fairwayv1.ServiceWeights]
	ctx context.Context
}

func (s silent) Context() context.Context             { return s.ctx }
func (s silent) SendHeader(metadata.MD) error         { return nil }
func (s silent) Send(*fairwayv1.ServiceWeights) error { return nil }

// TestWatchersThatLeave are counted by the status that gRPC gave them.
func TestWatchersThatLeave(t *testing.T) {
	table := newTable(t, two)
	reg := prometheus.NewRegistry()
	metrics := api.NewMetrics(reg, time.Now)
	server, err := api.New(table, metrics, api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, ctx := range []context.Context{gone, late} {
		_ = metrics.Stream(server, silent{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: "/fairway.v1.Router/Watch"}, func(any, grpc.ServerStream) error {
			return server.Watch(&fairwayv1.WatchRequest{}, silent{ctx: ctx})
		})
	}
	want := strings.NewReader(`
# HELP fairway_requests_total Calls of the API that ended, by operation and gRPC status.
# TYPE fairway_requests_total counter
fairway_requests_total{grpc_status="Canceled",operation="Watch"} 1
fairway_requests_total{grpc_status="DeadlineExceeded",operation="Watch"} 1
fairway_requests_total{grpc_status="OK",operation="Decide"} 0
fairway_requests_total{grpc_status="OK",operation="DecideBatch"} 0
fairway_requests_total{grpc_status="OK",operation="Explain"} 0
fairway_requests_total{grpc_status="OK",operation="Forecast"} 0
`)
	if err := testutil.GatherAndCompare(reg, want, "fairway_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestTableMetrics(t *testing.T) {
	table := newTable(t, two)
	publish(table, "b", 0.25, 0.75)
	f := &features.Frame{Window: mesh.Window{Service: "a", Time: noon, Schema: &mesh.Schema{}}} // that nobody measures
	table.Publish(&router.Decision{Service: "a", Time: noon, Source: router.SourceRules}, f)
	_, _, reg := serve(t, table, nil)
	want := strings.NewReader(`
# HELP fairway_endpoint_weight Part of a service's requests that an endpoint gets, before the rules split them.
# TYPE fairway_endpoint_weight gauge
fairway_endpoint_weight{endpoint="r1",service="b"} 0.25
fairway_endpoint_weight{endpoint="r2",service="b"} 0.75
# HELP fairway_metrics_age_seconds Age of the metrics when they were last decided upon.
# TYPE fairway_metrics_age_seconds gauge
fairway_metrics_age_seconds{service="b"} 2
# HELP fairway_table_version Version of the routing table.
# TYPE fairway_table_version gauge
fairway_table_version 3
`)
	if err := testutil.GatherAndCompare(reg, want, "fairway_endpoint_weight", "fairway_metrics_age_seconds", "fairway_table_version"); err != nil {
		t.Error(err)
	}
}

// found is a discovered service of a namespace with one endpoint.
func found(name, namespace, endpoint string) *discovery.Service {
	whole := name + "." + namespace
	return &discovery.Service{Name: whole + ".svc", Names: []string{whole, name}, Source: "kubernetes",
		Endpoints: []discovery.Endpoint{{Endpoint: mesh.Endpoint{Name: endpoint, Address: endpoint + ":80"}}}}
}

// TestWatchTellsWhatNamesMean: who watches a service by a name hears when it means
// another one, whose weights have not changed since, or none; a heartbeat would have
// the former's hold for ever. So does who comes back.
func TestWatchTellsWhatNamesMean(t *testing.T) {
	table := newTable(t, "services: []")
	client, _, _ := serve(t, table, nil)
	here, there := found("reviews", "here", "r1"), found("reviews", "there", "r2")
	know := func(all ...*discovery.Service) { table.Know(discovery.NewSnapshot(1, all)) }
	know(here)
	next := watch(t, client, 0, "reviews")
	expect := func(what string, w *fairwayv1.ServiceWeights, want ...string) {
		t.Helper()
		var got []string
		for _, e := range w.Endpoints {
			got = append(got, e.Name)
		}
		if w.Service != "reviews" || !slices.Equal(got, want) {
			t.Errorf("%s: %s has %q; want %q", what, w.Service, got, want)
		}
	}
	expect("at first", next(), "r1")
	know(here, there)
	expect("two have the name", next())
	version := table.Version()
	know(there) // whose routes are older than what was sent
	expect("the other one alone", next(), "r2")
	know()
	expect("none is left", next())
	expect("back after it", watch(t, client, version, "reviews")())
	know(here)
	expect("the first again", next(), "r1")
	expect("back, up to date", watch(t, client, 0, "reviews")(), "r1")
}

// TestLifeEndsWithNames: a Watch cannot be resumed from before a name has come to mean
// something else, and can as long as weights alone change.
func TestLifeEndsWithNames(t *testing.T) {
	table := newTable(t, two)
	server, err := api.New(table, api.NewMetrics(prometheus.NewRegistry(), time.Now), api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	life := server.Life()
	publish(table, "b", 0.25, 0.75)
	publish(table, "new", 1)
	if server.Life() != life {
		t.Errorf("weights ended the life %s", life)
	}
	table.Know(discovery.NewSnapshot(1, []*discovery.Service{found("reviews", "here", "r1")}))
	one := server.Life()
	table.Know(discovery.NewSnapshot(2, nil))
	if two := server.Life(); life == one || one == two || life == two {
		t.Errorf("lives %q, %q, %q", life, one, two)
	}
}
