package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/prom"
)

const tiny = `
name: tiny
labels: {service: service, endpoint: endpoint}
step: 1s
range: 3s
series:
  - {name: request_rate, query: 'sum by (service, endpoint) (rate(tiny_seconds_count[$range]))'}
  - {name: latency_mean_seconds, query: 'sum by (service, endpoint) (rate(tiny_seconds_sum[$range])) / sum by (service, endpoint) (rate(tiny_seconds_count[$range]))'}
  - {name: utilization, query: 'sum by (service, endpoint) (avg_over_time(tiny_busy[$range]))'}
`

const tinyRules = `
version: "7"
services:
  - name: shop
    endpoints: [{name: a, subset: v1, address: "127.0.0.1:9001"}, {name: b, subset: v1}, {name: c, subset: v2}]
    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v2}
      - {name: split, to: [{subset: v1, weight: 90}, {subset: v2, weight: 10}]}
`

// write makes a file in the test's directory.
func write(t testing.TB, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// persistence is a model that has learned nothing: all its weights are 0, and
// every endpoint goes on as it was. It is said to be trained on recordings.
func persistence(t testing.TB, recordings ...model.Provenance) (path string) {
	t.Helper()
	return persistenceOf(t, tiny, recordings...)
}

// persistenceOf is the same of another schema.
func persistenceOf(t testing.TB, text string, recordings ...model.Provenance) (path string) {
	t.Helper()
	schema, err := prom.ParseSchema("tiny.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m := &model.Model{
		Format: model.Format, Name: "persistence", Created: time.Unix(0, 0).UTC(), Schema: *schema,
		Timing:    mesh.Timing{Step: schema.Step, Range: schema.Range, Delay: time.Second, Horizon: 5 * time.Second},
		Objective: mesh.DefaultObjective(),
		Routing: &model.Network{
			Kind: model.Outcome, Bounds: model.DefaultBounds(), Columns: []string{"missing_ratio"},
			Scaler: model.Scaler{Center: []float32{0}, Scale: []float32{1}, Impute: []float32{0}, Low: []float32{0}, High: []float32{1}},
			Layers: []model.Layer{{In: 1, Out: model.OutcomeOutputs, W: make([]float32, model.OutcomeOutputs), B: make([]float32, model.OutcomeOutputs)}},
		},
		Card: model.Card{MadeBy: "test", Recordings: recordings},
	}
	path = filepath.Join(t.TempDir(), "model.fairway")
	if err := model.Save(path, m); err != nil {
		t.Fatal(err)
	}
	return path
}

// learned is the recording at path, which a model was trained on up to held.
func learned(t testing.TB, path string, held time.Time) model.Provenance {
	t.Helper()
	rec, err := datasets.Open(t.Context(), path, write(t, "tiny.yaml", tiny))
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	sum, err := rec.Digest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	start, end := rec.Dump.Span()
	return model.Provenance{Path: path, Start: start, End: end, SHA256: sum, Split: model.Split{TestStart: held}}
}

// program is a running daemon.
type program struct {
	api, admin, agent string
	more              *bufio.Scanner // of what it prints
	conn              *grpc.ClientConn
	client            fairwayv1.RouterClient
	stop              func() error
	log               *log
}

// start runs the real program in this process and waits until it listens.
func start(t testing.TB, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, stdout := io.Pipe()
	p := &program{log: &log{}}
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--haproxy-agent", "127.0.0.1:0", "--state", t.TempDir()}, args...), stdout, p.log)
		stdout.CloseWithError(io.EOF)
		done <- err
	}()
	once := sync.OnceValue(func() error { cancel(); return <-done })
	lines := bufio.NewScanner(out)
	p.more = lines
	for _, address := range []*string{&p.api, &p.admin, &p.agent} {
		if !lines.Scan() {
			t.Fatalf("the program ended with %v; it said:\n%s", once(), p.log)
		}
		_, *address, _ = strings.Cut(lines.Text(), " ")
	}
	conn, err := grpc.NewClient(p.api, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	p.conn, p.client = conn, fairwayv1.NewRouterClient(conn)
	p.stop = sync.OnceValue(func() error { conn.Close(); return once() })
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("the program ended with %v", err)
		}
		if t.Failed() {
			t.Logf("it said:\n%s", p.log)
		}
	})
	return p
}

// log collects what the program says.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// decide asks where a request to shop should go.
func (p *program) decide(t testing.TB, headers ...string) *fairwayv1.Decision {
	t.Helper()
	in := &fairwayv1.DecideRequest{Service: "shop", Headers: map[string]string{}, WantWeights: true}
	for i := 0; i < len(headers); i += 2 {
		in.Headers[headers[i]] = headers[i+1]
	}
	d, err := p.client.Decide(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// until asks until a decision is as wanted. Every answer meanwhile has an
// endpoint. How long is the test's own limit, not a promise of the program.
func (p *program) until(t testing.TB, what string, is func(*fairwayv1.Decision) bool) *fairwayv1.Decision {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		d := p.decide(t)
		switch {
		case is(d):
			return d
		case d.Endpoint.Name == "":
			t.Fatalf("an answer without an endpoint: %v", d)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no decision that is %s; the last was %v", what, d)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// get reads a page of the admin port.
func (p *program) get(t testing.TB, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+p.admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ask(t, r)
}

// ask sends a request by a connection of its own.
func ask(t testing.TB, r *http.Request) (status int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
