package extproc_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/api/proxy/extproc"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const reviews = `
services:
  - name: reviews
    endpoints:
      - {name: r1, address: "127.0.0.1:9001", subset: v1}
      - {name: r2, address: "127.0.0.1:9002", subset: v2}
    routes:
      - {name: jason, match: {headers: {end-user: jason}, path: {prefix: /reviews}}, to: v2, timeout: 1500ms, retries: 2}
      - {name: zone, match: {source: {zone: b}}, to: v2}
      - {name: all, to: v1}
  - name: ratings.shop
    endpoints: [{name: a1, address: "127.0.0.1:9003"}]
`

// processor is a running one, and what may be asked of it beside.
type processor struct {
	procv3.ExternalProcessorClient
	router fairwayv1.RouterClient
	table  *router.Table
	reg    *prometheus.Registry
}

func newTable(t testing.TB) *router.Table {
	t.Helper()
	file, err := rules.Parse("test.yaml", []byte(reviews))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return router.NewTable(set, router.DefaultConfig())
}

func start(t testing.TB, may func(context.Context, string, string) bool) *processor {
	t.Helper()
	p := &processor{table: newTable(t), reg: prometheus.NewRegistry()}
	decides, err := api.New(p.table, api.NewMetrics(p.reg, time.Now), api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	server := extproc.New(p.table, decides, extproc.Config{May: may, Metrics: proxy.NewMetrics(p.reg), Clock: time.Now})
	g := grpc.NewServer(api.ServerOptions()...)
	server.Register(g)
	decides.Register(g)
	l := bufconn.Listen(1 << 16)
	var running sync.WaitGroup
	running.Go(func() { _ = g.Serve(l) })
	conn, err := grpc.NewClient("passthrough:///bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		decides.Close()
		server.Close()
		conn.Close()
		g.Stop()
		running.Wait()
	})
	p.ExternalProcessorClient, p.router = procv3.NewExternalProcessorClient(conn), fairwayv1.NewRouterClient(conn)
	return p
}

func headers(pairs ...string) *procv3.HttpHeaders {
	out := &corev3.HeaderMap{}
	for i := 0; i < len(pairs); i += 2 {
		out.Headers = append(out.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	return &procv3.HttpHeaders{Headers: out}
}

func request(pairs ...string) *procv3.ProcessingRequest {
	return &procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_RequestHeaders{RequestHeaders: headers(pairs...)}}
}

func response(pairs ...string) *procv3.ProcessingRequest {
	return &procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: headers(pairs...)}}
}

// open begins a request of Envoy's.
func (p *processor) open(t testing.TB, said ...string) procv3.ExternalProcessor_ProcessClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	stream, err := p.Process(metadata.AppendToOutgoingContext(ctx, said...))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func ask(t testing.TB, stream procv3.ExternalProcessor_ProcessClient, in *procv3.ProcessingRequest) *procv3.ProcessingResponse {
	t.Helper()
	if err := stream.Send(in); err != nil {
		t.Fatal(err)
	}
	out, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// once asks about the headers of one request, and tells the headers that are set and
// those that are removed.
func (p *processor) once(t testing.TB, in *procv3.ProcessingRequest, said ...string) (set map[string]string, removed []string, out *procv3.ProcessingResponse) {
	t.Helper()
	stream := p.open(t, said...)
	out = ask(t, stream, in)
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	common := out.GetRequestHeaders().GetResponse()
	if common == nil || common.Status != procv3.CommonResponse_CONTINUE {
		t.Fatalf("no answer to headers of a request, or another status: %v", out)
	}
	set = map[string]string{}
	for _, h := range common.GetHeaderMutation().GetSetHeaders() {
		set[h.Header.Key] = string(h.Header.RawValue)
	}
	return set, common.GetHeaderMutation().GetRemoveHeaders(), out
}

func TestDecides(t *testing.T) {
	p := start(t, nil)
	set, removed, out := p.once(t, request(":method", "GET", ":path", "/reviews/1?x=y", ":authority", "reviews:9080", "end-user", "jason", "x-envoy-original-dst-host", "10.0.0.1:22"))
	want := map[string]string{
		"x-fairway-endpoint": "r2", "x-fairway-subset": "v2", "x-fairway-route": "jason",
		"x-envoy-upstream-rq-timeout-ms": "1500", "x-envoy-max-retries": "2",
	}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"x-envoy-original-dst-host"}, removed); diff != "" { // an address that the caller brought
		t.Error(diff)
	}
	lb := out.DynamicMetadata.GetFields()["envoy.lb"].GetStructValue().AsMap()
	if diff := cmp.Diff(map[string]any{"endpoint": "r2", "subset": "v2"}, lb); diff != "" {
		t.Error(diff)
	}
	if !out.GetRequestHeaders().GetResponse().GetClearRouteCache() {
		t.Error("the route is not chosen anew")
	}
}

func in(name string, fields map[string]any, r *procv3.ProcessingRequest) *procv3.ProcessingRequest {
	s, err := structpb.NewStruct(fields)
	if err != nil {
		panic(err)
	}
	if name == "fairway" {
		r.MetadataContext = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{name: s}}
	} else {
		r.Attributes = map[string]*structpb.Struct{name: s}
	}
	return r
}

func TestWhichService(t *testing.T) {
	p := start(t, nil)
	plain := func() *procv3.ProcessingRequest {
		return request(":method", "GET", ":path", "/", ":authority", "shop.example")
	}
	for _, test := range []struct {
		name string
		in   *procv3.ProcessingRequest
		said []string
		want string
	}{
		{"metadata", in("fairway", map[string]any{"service": "reviews"}, plain()), []string{"fairway-service", "ratings.shop"}, "r1"},
		{"metadata of the source", in("fairway", map[string]any{"service": "reviews", "zone": "b"}, plain()), nil, "r2"},
		{"the stream", in("envoy.filters.http.ext_proc", map[string]any{"xds.cluster_name": "reviews"}, plain()), []string{"fairway-service", "ratings.shop"}, "a1"},
		{"the cluster", in("envoy.filters.http.ext_proc", map[string]any{"xds.cluster_name": "reviews"}, plain()), nil, "r1"},
		{"host", request(":authority", "reviews"), nil, "r1"},
		{"host of the default namespace", request(":authority", "reviews.default.svc.cluster.local:80"), nil, "r1"},
		{"host of another namespace", request(":authority", "ratings.shop.svc"), nil, "a1"},
		{"nobody's", plain(), nil, ""},
		{"a header", request(":authority", "shop.example", "fairway-service", "reviews", "x-fairway-service", "reviews"), nil, ""},
	} {
		set, _, _ := p.once(t, test.in, test.said...)
		if set["x-fairway-endpoint"] != test.want {
			t.Errorf("%s: %v, want %q", test.name, set, test.want)
		}
	}
	set, _, _ := p.once(t, request(":authority", "reviews"), "fairway-original-dst", "true")
	if set["x-envoy-original-dst-host"] != "127.0.0.1:9001" {
		t.Errorf("the address was asked for: %v", set)
	}
}

func TestFailsOpen(t *testing.T) {
	p := start(t, func(_ context.Context, method, service string) bool {
		return service != "ratings.shop" && method == "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
	})
	set, removed, out := p.once(t, request(":authority", "nobody"))
	if len(set)+len(removed) > 0 || out.DynamicMetadata != nil || out.GetRequestHeaders().GetResponse().GetClearRouteCache() {
		t.Errorf("a service that nobody knows: %v", out)
	}
	set, removed, _ = p.once(t, request(":authority", "nobody", "x-fairway-endpoint", "r1", "x-fairway-route", "jason"))
	if diff := cmp.Diff([]string{"x-fairway-endpoint", "x-fairway-route"}, removed); diff != "" || len(set) > 0 {
		t.Errorf("what the caller brought: %s %v", diff, set)
	}
	if set, _, _ = p.once(t, request(":authority", "ratings.shop")); len(set) > 0 {
		t.Errorf("who may not ask: %v", set)
	}
	if set, _, _ = p.once(t, request(":authority", "reviews", "x", string(make([]byte, 1<<17)))); len(set) > 0 {
		t.Errorf("too large: %v", set)
	}
	for reason, want := range map[string]float64{"unknown_service": 2, "refused": 1, "malformed": 1} {
		if got := sum(t, p.reg, "fairway_proxy_fail_open_total", "reason", reason); got != want {
			t.Errorf("%s is counted %v times, want %v", reason, got, want)
		}
	}
	if got := testutil.CollectAndCount(p.reg, "fairway_proxy_answers_total"); got != 1 {
		t.Errorf("%d counters of answers", got)
	}
}

// sum adds up the samples of a metric that have a label.
func sum(t testing.TB, reg *prometheus.Registry, name, label, value string) (total float64) {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if family.GetName() == name && l.GetName() == label && l.GetValue() == value {
					total += m.GetCounter().GetValue()
				}
			}
		}
	}
	return total
}

// TestOutcomes: what the answer's headers say is a report, and what Envoys have in
// flight reaches the board.
func TestOutcomes(t *testing.T) {
	p := start(t, nil)
	publish(p.table)
	first, second := p.open(t), p.open(t)
	ask(t, first, request(":authority", "reviews", ":path", "/", ":method", "GET"))
	ask(t, second, request(":authority", "reviews", ":path", "/", ":method", "GET"))
	if out := ask(t, first, response(":status", "200")); out.GetResponseHeaders() == nil {
		t.Errorf("the answer to headers of a response is %v", out)
	}
	if got := p.inFlight(t, "r1"); got != 1 {
		t.Errorf("in flight: %v, want the second request", got)
	}
	ask(t, second, response(":status", "200", "grpc-status", "14"))
	for result, want := range map[string]float64{"ok": 1, "failed": 1} {
		if got := sum(t, p.reg, "fairway_reports_total", "result", result); got != want {
			t.Errorf("%s: %v, want %v", result, got, want)
		}
	}
	ask(t, second, response(":status", "200")) // nothing is told twice
	if got := sum(t, p.reg, "fairway_reports_total", "result", "ok"); got != 1 {
		t.Errorf("told twice: %v", got)
	}
}

// inFlight is what a Watch tells of an endpoint.
func (p *processor) inFlight(t testing.TB, endpoint string) float64 {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := p.router.Watch(ctx, &fairwayv1.WatchRequest{Services: []string{"reviews"}})
	if err != nil {
		t.Fatal(err)
	}
	weights, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range weights.Loads {
		if l.Endpoint == endpoint {
			return l.InFlight
		}
	}
	return -1
}

func publish(table *router.Table) {
	then := time.Now().Add(-time.Minute)
	list := []mesh.Endpoint{{Name: "r1"}, {Name: "r2"}}
	d := &router.Decision{Service: "reviews", Time: then, Source: router.SourceModel, Weights: []float64{0.5, 0.5}, Ejected: make([]bool, 2), Endpoints: list}
	table.Publish(d, &features.Frame{Window: mesh.Window{Service: "reviews", Time: then, End: then, Endpoints: list, Schema: &mesh.Schema{}}})
}

// TestOtherPhases are answered in kind, whatever the filter's mode sends.
func TestOtherPhases(t *testing.T) {
	p := start(t, nil)
	stream := p.open(t)
	body, trailers := &procv3.HttpBody{Body: []byte("x")}, &procv3.HttpTrailers{}
	if out := ask(t, stream, &procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_RequestBody{RequestBody: body}}); out.GetRequestBody() == nil {
		t.Error(out)
	}
	if out := ask(t, stream, &procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_RequestTrailers{RequestTrailers: trailers}}); out.GetRequestTrailers() == nil {
		t.Error(out)
	}
	if out := ask(t, stream, response(":status", "200")); out.GetResponseHeaders() == nil {
		t.Error(out)
	}
	if out := ask(t, stream, &procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_ResponseBody{ResponseBody: body}}); out.GetResponseBody() == nil {
		t.Error(out)
	}
	if err := stream.Send(&procv3.ProcessingRequest{ObservabilityMode: true, Request: request(":authority", "reviews").Request}); err != nil {
		t.Fatal(err) // which is listened to only
	}
	if out := ask(t, stream, &procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: trailers}}); out.GetResponseTrailers() == nil {
		t.Error(out)
	}
}
