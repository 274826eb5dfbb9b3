package http_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/guard"
	apihttp "github.com/fairway-mesh/fairway/api/http"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

const reviews = `
version: 1.2.3
services:
  - name: reviews
    endpoints:
      - {name: r1, address: "127.0.0.1:9001", subset: v1, zone: a}
      - {name: r2, address: "127.0.0.1:9002", subset: v2, zone: b}
    routes:
      - name: jason
        match: {headers: {end-user: jason}}
        to: v2
        timeout: 1s
        priority: 10
      - {name: rest, to: v1}
`

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
	cfg := router.DefaultConfig()
	cfg.TTL = 200 * time.Millisecond
	return router.NewTable(set, cfg)
}

// publish gives the table an edition.
func publish(table *router.Table) {
	now := time.Now()
	both := []mesh.Endpoint{{Name: "r1"}, {Name: "r2"}}
	table.Publish(&router.Decision{Service: "reviews", Time: now, Endpoints: both, Weights: mesh.Weights{0.5, 0.5}, Ejected: make([]bool, 2)},
		&features.Frame{Window: mesh.Window{Service: "reviews", Time: now, Schema: &mesh.Schema{Name: "none"}, Endpoints: both}})
}

// daemon is the handler on a real port.
type daemon struct {
	*httptest.Server
	api *api.Server
	reg *prometheus.Registry
}

func handler(t testing.TB, table *router.Table, access *guard.Access, change func(*apihttp.Config)) (*apihttp.Handler, *api.Server, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	metrics := api.NewMetrics(reg, time.Now)
	served := api.DefaultConfig()
	served.Seed, served.MaxBatch = 2, 3
	server, err := api.New(table, metrics, served)
	if err != nil {
		t.Fatal(err)
	}
	var g *guard.Guard
	if access != nil {
		if g, err = guard.New(*access, reg, nil); err != nil {
			t.Fatal(err)
		}
	}
	cfg := apihttp.DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	h, err := apihttp.New(server, metrics, g, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h, server, reg
}

func serve(t testing.TB, table *router.Table, access *guard.Access, change func(*apihttp.Config)) *daemon {
	t.Helper()
	h, server, reg := handler(t, table, access, change)
	d := &daemon{httptest.NewServer(h), server, reg}
	t.Cleanup(func() { server.Close(); d.Server.Close() })
	return d
}

// ask makes one request and reads its answer.
func (d *daemon) ask(t testing.TB, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	resp := d.open(t, t.Context(), method, path, strings.NewReader(body), headers...)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func (d *daemon) open(t testing.TB, ctx context.Context, method, path string, body io.Reader, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, d.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := d.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// read is an answer as a message of the API.
func read[M proto.Message](t testing.TB, text string, m M) M {
	t.Helper()
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return m
}

// lines reads one after the other of what is still being sent.
func lines(t testing.TB, resp *http.Response) func() string {
	scanner := bufio.NewScanner(resp.Body)
	return func() string {
		t.Helper()
		if !scanner.Scan() {
			t.Fatalf("the stream ended: %v", scanner.Err())
		}
		return scanner.Text()
	}
}
