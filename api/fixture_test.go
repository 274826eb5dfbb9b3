package api_test

import (
	"context"
	"math"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// The origin's reviews: jason sees v2, a tenth of the others too.
const reviews = `
version: 1.2.3
services:
  - name: reviews
    endpoints:
      - {name: r1, address: "127.0.0.1:9001", subset: v1, zone: a}
      - {name: r2, address: "127.0.0.1:9002", subset: v1, zone: b}
      - {name: r3, address: "127.0.0.1:9003", subset: v2, zone: a}
    routes:
      - name: jason
        match: {headers: {end-user: jason}}
        to: v2
        timeout: 1s
        priority: 10
      - name: split
        to: [{subset: v1, weight: 90}, {subset: v2, weight: 10}]
`

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newTable(t testing.TB, text string) *router.Table {
	t.Helper()
	file, err := rules.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return router.NewTable(set, router.DefaultConfig())
}

// publish gives the table a decision of a model, made at noon on metrics that
// are 2 s old.
func publish(table *router.Table, service string, weights ...float64) {
	d := &router.Decision{
		Service: service, Time: noon, Age: 2 * time.Second, Source: router.SourceModel,
		Policy: "learned", Model: "test@7", Weights: weights, Ejected: make([]bool, len(weights)),
	}
	f := &features.Frame{
		Window: mesh.Window{Service: service, Time: noon, End: noon.Add(-2 * time.Second), Schema: &mesh.Schema{Name: "none"}},
		Names:  []string{"share", "error_ratio"},
	}
	for i, w := range weights {
		e := mesh.Endpoint{Name: "r" + string(rune('1'+i))}
		d.Endpoints, f.Endpoints = append(d.Endpoints, e), append(f.Endpoints, e)
		d.Failures = append(d.Failures, predict.Failure{Probability: 0.2 * float64(i), Low: 0.1, High: 0.6, Confidence: 0.5, Likely: i == 2, Time: [3]float64{1, 2, 3}})
		d.Predictions = append(d.Predictions, predict.Prediction{Mean: 0.01, P50: 0.01, P90: 0.02, P99: math.NaN(), Preference: math.NaN()})
		f.X = append(f.X, float32(w), float32(math.NaN()))
		f.Anomalies = append(f.Anomalies, features.Anomaly{Score: 0.25, Top: []features.Contribution{{Series: "cpu_cores", Surprise: 4}}})
	}
	table.Publish(d, f)
}

// serve starts a server of the table in the process.
func serve(t testing.TB, table *router.Table, change func(*api.Config)) (fairwayv1.RouterClient, *grpc.ClientConn, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	metrics := api.NewMetrics(reg, time.Now)
	reg.MustRegister(api.TableMetrics(table))
	cfg := api.DefaultConfig()
	cfg.Horizon, cfg.Seed, cfg.Policy = 30*time.Second, 2, "learned"
	if change != nil {
		change(&cfg)
	}
	server, err := api.New(table, metrics, cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(append(api.ServerOptions(), grpc.UnaryInterceptor(metrics.Unary), grpc.StreamInterceptor(metrics.Stream))...)
	server.Register(g)
	l := bufconn.Listen(1 << 16)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		conn.Close()
		g.GracefulStop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return fairwayv1.NewRouterClient(conn), conn, reg
}
