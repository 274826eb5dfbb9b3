package xds_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/xds"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/proxy"
	adapter "github.com/fairway-mesh/fairway/api/proxy/xds"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come.
const patience = 20 * time.Second

func newTable(t testing.TB, text string) *router.Table {
	t.Helper()
	file, err := rules.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return tableOf(t, file)
}

func tableOf(t testing.TB, file *rules.File) *router.Table {
	t.Helper()
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return router.NewTable(set, router.DefaultConfig())
}

// publish gives a service weights, of the endpoints of its rules in their order.
func publish(table *router.Table, service string, weights ...float64) {
	table.PublishAll([]router.Made{decided(table, service, weights...)}, nil)
}

func decided(table *router.Table, service string, weights ...float64) router.Made {
	now := time.Now()
	d := &router.Decision{Service: service, Time: now, Source: router.SourceModel, Weights: weights, Ejected: make([]bool, len(weights))}
	for i, e := range table.Rules().Service(service).Service.Endpoints {
		d.Endpoints = append(d.Endpoints, e.Endpoint)
		d.Ejected[i] = weights[i] == 0
	}
	return router.Made{Decision: d, Frame: &features.Frame{Window: mesh.Window{Service: service, Time: now, End: now, Endpoints: d.Endpoints, Schema: &mesh.Schema{}}}}
}

// endpoint is a gRPC server that counts its calls.
type endpoint struct {
	grpc_health_v1.UnimplementedHealthServer
	address string
	calls   atomic.Int64
	busy    atomic.Pointer[chan struct{}] // closed when calls may end
}

func (e *endpoint) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	e.calls.Add(1)
	if busy := e.busy.Load(); busy != nil {
		select {
		case <-*busy:
		case <-ctx.Done():
		}
	}
	if r := orca.CallMetricsRecorderFromContext(ctx); r != nil {
		r.SetCPUUtilization(0.25)
		r.SetNamedMetric("queue", 3)
	}
	return &grpc_health_v1.HealthCheckResponse{}, nil
}

// endpoints starts n gRPC servers.
func endpoints(t testing.TB, n int) (list []*endpoint) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		e := &endpoint{address: l.Addr().String()}
		g := grpc.NewServer(orca.CallMetricsServerOption(nil))
		grpc_health_v1.RegisterHealthServer(g, e)
		var running sync.WaitGroup
		running.Go(func() { _ = g.Serve(l) })
		t.Cleanup(func() { g.Stop(); running.Wait() })
		list = append(list, e)
	}
	return list
}

// yaml are the endpoints in words of a rules file: e1 in v1, e2 in v2, …
func yaml(list []*endpoint) string {
	var parts []string
	for i, e := range list {
		parts = append(parts, fmt.Sprintf("{name: e%d, address: %q, subset: v%d}", i+1, e.address, i+1))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// control is a running daemon, as far as it concerns clients by xDS.
type control struct {
	address string
	api     *api.Server
	reg     *prometheus.Registry
	stop    func()
}

// serve serves the table at an address, or at any free one.
func serve(t testing.TB, table *router.Table, address string, change func(*adapter.Config)) *control {
	t.Helper()
	c := &control{reg: prometheus.NewRegistry()}
	var err error
	if c.api, err = api.New(table, api.NewMetrics(c.reg, time.Now), api.DefaultConfig()); err != nil {
		t.Fatal(err)
	}
	cfg := adapter.DefaultConfig()
	cfg.Report, cfg.Lead, cfg.Metrics = 50*time.Millisecond, 100*time.Millisecond, proxy.NewMetrics(c.reg)
	cfg.Board = func() adapter.Teller { return c.api.Teller() }
	if change != nil {
		change(&cfg)
	}
	server, err := adapter.New(table, cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.reg.MustRegister(server)
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(api.ServerOptions()...)
	server.Register(g)
	c.api.Register(g)
	var running sync.WaitGroup
	running.Go(func() { _ = g.Serve(l) })
	c.address = l.Addr().String()
	c.stop = sync.OnceFunc(func() {
		server.Close()
		c.api.Close()
		g.GracefulStop()
		running.Wait()
	})
	t.Cleanup(c.stop)
	return c
}

// dial makes a gRPC client of a service, which is told by xDS where to go.
func dial(t testing.TB, control, service, node string) grpc_health_v1.HealthClient {
	t.Helper()
	if node == "" {
		node = `{"id": "test"}`
	}
	bootstrap := fmt.Sprintf(`{"xds_servers": [{"server_uri": "passthrough:///%s", "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}], "node": %s}`, control, node)
	resolver, err := xds.NewXDSResolverWithConfigForTesting([]byte(bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("xds:///"+service, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithResolvers(resolver))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return grpc_health_v1.NewHealthClient(conn)
}

// call sends n requests and tells which part each endpoint got.
func call(t testing.TB, client grpc_health_v1.HealthClient, list []*endpoint, n int, headers ...string) []float64 {
	t.Helper()
	before := make([]int64, len(list))
	for i, e := range list {
		before[i] = e.calls.Load()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, headers...)
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	for worker := range 8 {
		all.Go(func() {
			for i := worker; i < n; i += 8 {
				if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		t.Fatal(*err)
	}
	shares := make([]float64, len(list))
	for i, e := range list {
		shares[i] = float64(e.calls.Load()-before[i]) / float64(n)
	}
	return shares
}

// meets asks until the shares are those asked for, and then measures them once more:
// within five standard deviations of a draw.
func meets(t testing.TB, client grpc_health_v1.HealthClient, list []*endpoint, want ...float64) {
	t.Helper()
	const few, many = 200, 4000
	deadline := time.Now().Add(patience)
	for !within(call(t, client, list, few), want, few) {
		if time.Now().After(deadline) {
			t.Fatalf("the shares never became %v; the last were %v", want, call(t, client, list, few))
		}
	}
	got := call(t, client, list, many)
	t.Logf("asked %v, got %.4v of %d", want, got, many)
	if !within(got, want, many) {
		t.Errorf("asked %v, got %v of %d", want, got, many)
	}
}

func within(got, want []float64, n int) bool {
	for i, w := range want {
		if math.Abs(got[i]-w) > 5*math.Sqrt(w*(1-w)/float64(n)) {
			return false
		}
	}
	return true
}

// eventually polls until a condition holds.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// count adds up the samples of a metric that have a label's value.
func count(t testing.TB, reg *prometheus.Registry, name, value string) (total float64) {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if family.GetName() == name && l.GetValue() == value {
					total += m.GetCounter().GetValue()
				}
			}
		}
	}
	return total
}
