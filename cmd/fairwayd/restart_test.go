package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh/porttest"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/postgres"
	"github.com/fairway-mesh/fairway/postgres/pgtest"
	"github.com/fairway-mesh/fairway/router/discovery/cache/redis/redistest"
)

// gate stands before a server. It passes connections on; once it is shut it takes them
// and never answers, or is not there at all.
type gate struct {
	network, address, target string

	mu       sync.Mutex
	listener net.Listener
	open     []net.Conn
	shut     int  // how often it was shut; 0: it is open
	gaveUp   bool // somebody who has asked since it was shut last
	running  sync.WaitGroup
}

func newGate(t *testing.T, network, address, target string) *gate {
	t.Helper()
	g := &gate{network: network, address: address, target: target}
	g.listen(t)
	t.Cleanup(g.dies)
	return g
}

func (g *gate) listen(t *testing.T) {
	l, err := net.Listen(g.network, g.address)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	g.listener = l
	g.mu.Unlock()
	g.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			g.running.Go(func() { g.pass(conn) })
		}
	})
}

// pass serves one connection.
func (g *gate) pass(conn net.Conn) {
	defer conn.Close()
	g.mu.Lock()
	shut := g.shut
	g.open = append(g.open, conn)
	g.mu.Unlock()
	if shut > 0 {
		_, _ = io.Copy(io.Discard, conn)
		g.mu.Lock()
		g.gaveUp = g.gaveUp || g.shut == shut
		g.mu.Unlock()
		return
	}
	to, err := net.Dial(g.network, g.target)
	if err != nil {
		return
	}
	defer to.Close()
	g.running.Go(func() { _, _ = io.Copy(conn, to); conn.Close() })
	_, _ = io.Copy(to, conn)
}

// swallows cuts all connections, and takes others without a word.
func (g *gate) swallows() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.gaveUp = g.shut+1, false
	for _, c := range g.open {
		c.Close()
	}
	g.open = nil
}

// dies leaves nobody at the address.
func (g *gate) dies() {
	g.mu.Lock()
	g.listener.Close()
	for _, c := range g.open {
		c.Close()
	}
	g.open = nil
	g.mu.Unlock()
	g.running.Wait()
}

// opens listens again, and passes connections on.
func (g *gate) opens(t *testing.T) {
	g.mu.Lock()
	g.shut = 0
	g.mu.Unlock()
	g.listen(t)
}

func (g *gate) wasGivenUp() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gaveUp
}

// built is the daemon as it is shipped.
func built(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fairwayd")
	if text, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return path
}

// world is everything that a daemon asks, each behind a gate.
type world struct {
	mesh                          *lab
	prometheus, database, redis   *gate
	collector                     *gate // of traces; there is none, ever
	cluster                       *gate // of Kubernetes; likewise
	kubeconfig                    string
	prometheusURL, pgURL, redisAt string
}

const kubeconfigOf = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://%s"}}]
users: [{name: u, user: {}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{mesh: newLab(t)}
	server, shared := pgtest.Start(t), redistest.Start(t)
	url := server.URL("postgres")
	dir, err := os.MkdirTemp("", "gate") // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	_, host, _ := strings.Cut(url, "host=")
	host, _, _ = strings.Cut(host, "&")
	w.prometheus = newGate(t, "tcp", porttest.Address(t), strings.TrimPrefix(w.mesh.url, "http://"))
	w.database = newGate(t, "unix", filepath.Join(dir, ".s.PGSQL.5432"), filepath.Join(host, ".s.PGSQL.5432"))
	w.redis = newGate(t, "unix", filepath.Join(dir, "redis"), shared.Socket())
	w.collector, w.cluster = newGate(t, "tcp", porttest.Address(t), porttest.Address(t)), newGate(t, "tcp", porttest.Address(t), porttest.Address(t))
	w.kubeconfig = write(t, "kubeconfig", fmt.Sprintf(kubeconfigOf, w.cluster.address))
	w.prometheusURL, w.pgURL, w.redisAt = "http://"+w.prometheus.address, strings.Replace(url, host, dir, 1), "unix://"+w.redis.address

	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	m, err := model.Load(persistenceOf(t, brisk))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Registry().Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Rules().Publish(t.Context(), "7", w.mesh.rulesOf("7")); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) gates() []*gate {
	return []*gate{w.prometheus, w.database, w.redis, w.collector, w.cluster}
}

// args are those of a daemon that asks all of it. The rules and the model of a database
// are of its state; where they are in files a daemon without a state has them too.
func (w *world) args(state, rules, modelAt string, more ...string) []string {
	return append([]string{"--prometheus", w.prometheusURL, "--model", modelAt, "--rules", rules, "--database", w.pgURL, "--redis", w.redisAt, "--otlp", "http://" + w.collector.address, "--kubeconfig", w.kubeconfig, "--state", state, "--stale-after", "2s", "--no-trial"}, more...)
}

// answer asks until there is an answer, from before the daemon began.
func answer(t *testing.T, client fairwayv1.RouterClient) *fairwayv1.Decision {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d, err := client.Decide(ctx, &fairwayv1.DecideRequest{Service: "shop", WantWeights: true}, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func dial(t *testing.T, address string) fairwayv1.RouterClient {
	t.Helper()
	eager := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: time.Millisecond, Multiplier: 1, MaxDelay: time.Millisecond}, MinConnectTimeout: time.Minute}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(eager))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return fairwayv1.NewRouterClient(conn)
}

// tableKept waits until a model's decisions are in the cache below a directory.
func tableKept(t *testing.T, dir string) {
	t.Helper()
	eventually(t, "the table is in the cache", func() bool {
		files, _ := filepath.Glob(filepath.Join(dir, "*", "cache", "table.entry"))
		if len(files) != 1 {
			return false
		}
		text, err := os.ReadFile(files[0])
		return err == nil && bytes.Contains(text, []byte(`"source":2`))
	})
}

// TestRestartWhileAllIsDown: a daemon that is killed and started again while
// Kubernetes, Prometheus, PostgreSQL, Redis and a collector of traces take connections
// and never answer, or are not there, answers from its disk what it answered before,
// marked stale, before it has waited for any of them. Once they are back it decides anew.
func TestRestartWhileAllIsDown(t *testing.T) {
	t.Parallel()
	w, state, program := newWorld(t), t.TempDir(), built(t)
	api := porttest.Address(t)
	p := &child{log: &log{}, program: program, args: append([]string{"--listen", api, "--admin", porttest.Address(t)}, w.args(state, w.pgURL, w.pgURL)...)}
	p.run(t)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the daemon said:\n%s", p.log)
		}
	})
	a := newAsker(t, api, w.mesh)
	eventually(t, "the model answers", func() bool { return a.meter.source("MODEL") > 0 })
	tableKept(t, state)
	a.stop()
	p.kill()
	var took []time.Duration
	const runs = 10
	soon := 0 // runs in which nobody was waited for until given up: a query is after half a second, in which a busy machine may start nothing
	for run := range runs {
		for _, g := range w.gates() {
			if run < runs/2 {
				g.swallows()
			} else if run == runs/2 {
				g.dies()
			}
		}
		client := dial(t, api)
		began := time.Now()
		p.run(t)
		d := answer(t, client)
		took = append(took, time.Since(began))
		late := ""
		for _, g := range w.gates() {
			if g == w.redis { // which is asked for what the disk has not, once, for a moment
				continue
			}
			if g.wasGivenUp() {
				late = fmt.Sprintf("run %d: the first answer came after %s was given up", run, g.address)
			}
		}
		if run < runs/2 && late == "" {
			soon++
		} else if late != "" {
			t.Log(late)
		}
		if d.Reason != "stale" || d.Source != fairwayv1.Decision_MODEL || d.Endpoint.Name == "" || d.RulesVersion != "7" || d.MetricsAge.AsDuration() <= 0 {
			t.Fatalf("run %d: the first answer is %v", run, d)
		}
		p.kill()
	}
	slices.Sort(took)
	if soon == 0 {
		t.Error("each time the first answer came after somebody was given up")
	}
	t.Logf("from the start of the process to the first answer: min %v, median %v, max %v of %d", took[0], took[runs/2], took[runs-1], runs)

	for _, g := range w.gates() {
		g.opens(t)
	}
	p.run(t)
	a = newAsker(t, api, w.mesh)
	defer a.stop()
	client := dial(t, api)
	eventually(t, "it decides anew", func() bool { d := answer(t, client); return d.Reason != "stale" && d.Reason != "warm_up" })
}

// TestAnotherDaemonsTable: a daemon with an empty disk, while all but Redis is down,
// serves what another has published.
func TestAnotherDaemonsTable(t *testing.T) {
	t.Parallel()
	w, state := newWorld(t), t.TempDir()
	args := w.args(state, w.mesh.rules, w.pgURL)
	first := startChild(t, porttest.Address(t), porttest.Address(t), args...)
	a := newAsker(t, first.api, w.mesh)
	eventually(t, "the model answers", func() bool { return a.meter.source("MODEL") > 0 })
	tableKept(t, state)
	a.stop()
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	w.prometheus.swallows()
	w.database.dies()
	second := startChild(t, porttest.Address(t), porttest.Address(t), w.args(t.TempDir(), w.mesh.rules, w.pgURL)...)
	client := dial(t, second.api)
	eventually(t, "it serves what the first has", func() bool { // at once, unless Redis is slow
		d := answer(t, client)
		return d.Reason == "stale" && d.Source == fairwayv1.Decision_MODEL && d.Endpoint.Name != ""
	})
	if err := second.end(); err != nil {
		t.Fatal(err)
	}
	w.redis.dies()
	third := startChild(t, porttest.Address(t), porttest.Address(t), w.args(t.TempDir(), w.mesh.rules, w.pgURL)...)
	if d := answer(t, dial(t, third.api)); d.Source == fairwayv1.Decision_MODEL {
		t.Errorf("without a cache the first answer is %v", d)
	}
}

// TestKilledWhileSaving: the daemon is killed at random moments, some of them while it
// writes what it serves, and serves each time it is started again.
func TestKilledWhileSaving(t *testing.T) {
	t.Parallel()
	m, state := newLab(t), t.TempDir()
	api := porttest.Address(t)
	p := startChild(t, api, porttest.Address(t), "--prometheus", m.url, "--model", persistenceOf(t, brisk), "--rules", m.rules, "--state", state, "--no-trial")
	a := newAsker(t, api, m)
	defer a.stop()
	eventually(t, "the model answers", func() bool { return a.meter.source("MODEL") > 0 })
	tableKept(t, state)
	for i := range 20 {
		time.Sleep(time.Duration(i*37%20) * 40 * time.Millisecond) // a moment, not a wait for anything
		p.kill()
		p.run(t)
		if d := answer(t, dial(t, api)); d.Endpoint.Name == "" || len(d.Weights) != 3 {
			t.Errorf("after kill %d: %v", i, d)
		}
	}
	if text := p.log.String(); strings.Contains(text, "is dropped") || strings.Contains(text, "cannot be read") {
		t.Error("something was not whole")
	}
}
