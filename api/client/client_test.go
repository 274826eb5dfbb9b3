package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/mesh/porttest"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shop = `
services:
  - name: shop
    endpoints: [{name: a, subset: v1}, {name: b, subset: v1}, {name: c, subset: v2}]
    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v2}
      - {name: split, to: [{subset: v1, weight: 90}, {subset: v2, weight: 10}]}
`

func newTable(t testing.TB, change ...func(*router.Config)) *router.Table {
	t.Helper()
	return tableOf(t, shop, change...)
}

func tableOf(t testing.TB, text string, change ...func(*router.Config)) *router.Table {
	t.Helper()
	file, err := rules.Parse("shop.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	cfg := router.DefaultConfig()
	cfg.FirstVersion = uint64(time.Now().UnixMilli())
	for _, c := range change {
		c(&cfg)
	}
	return router.NewTable(set, cfg)
}

// soon makes what the table says expire fast: on a busy machine also while its daemon is
// there.
func soon(cfg *router.Config) { cfg.TTL = 200 * time.Millisecond }

// last makes a table whose versions are not those of another.
func last(cfg *router.Config) {
	soon(cfg)
	cfg.FirstVersion += 1_000_000
}

func publish(table *router.Table, weights ...float64) {
	d := &router.Decision{Service: "shop", Time: time.Unix(1000, 0), Source: router.SourceModel, Weights: weights, Ejected: make([]bool, 3)}
	f := &features.Frame{Window: mesh.Window{Service: "shop", Time: d.Time, End: d.Time, Schema: &mesh.Schema{}}}
	for _, name := range []string{"a", "b", "c"} {
		d.Endpoints = append(d.Endpoints, mesh.Endpoint{Name: name})
	}
	f.Endpoints = d.Endpoints
	table.Publish(d, f)
}

// serve serves the table at address until stop is called.
func serve(t testing.TB, table *router.Table, address string, options ...grpc.ServerOption) (listening string, stop func()) {
	t.Helper()
	server, err := api.New(table, api.NewMetrics(prometheus.NewRegistry(), time.Now), api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(append(options, grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}))...)
	server.Register(g)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	return l.Addr().String(), func() {
		server.Close()
		g.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// settings are those of a client of the daemons at the addresses.
func settings(addresses ...string) client.Config {
	cfg := client.DefaultConfig()
	cfg.Targets, cfg.Credentials, cfg.Clock = addresses, insecure.NewCredentials(), time.Now
	cfg.Seed, cfg.Retry, cfg.MaxRetry = 2, 5*time.Millisecond, time.Second
	return cfg
}

// dial watches shop until the test ends.
func dial(t testing.TB, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Watch(ctx, []string{"shop"}, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("watch ended with %v", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// until waits for a choice; how long is the test's own limit.
func until(t testing.TB, c *client.Client, what string, is func(client.Choice) bool) {
	t.Helper()
	poll(t, func() bool { return is(c.Pick("shop", nil)) }, func() string {
		return fmt.Sprintf("no choice that is %s; the last was %+v", what, c.Pick("shop", nil))
	})
}

func poll(t testing.TB, is func() bool, why func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatal(why())
		case <-time.After(time.Millisecond):
		}
	}
}

func from(f client.From) func(client.Choice) bool {
	return func(ch client.Choice) bool { return ch.From == f }
}

// expire has a client that knows what goodbye, the next of its daemons, says last, and has
// that expire. It is to be called once the first has been stopped.
func expire(t testing.TB, c *client.Client, goodbye *router.Table, stop func()) {
	t.Helper()
	until(t, c, "the next daemon's", newest(goodbye))
	stop()
	until(t, c, "expired", from(client.Equal))
}

// newest are choices by the weights that the table serves now.
func newest(table *router.Table) func(client.Choice) bool {
	return func(ch client.Choice) bool { return ch.TableVersion() == table.Version() }
}

var jason = &mesh.Request{Headers: map[string]string{"end-user": "jason"}}

func TestPick(t *testing.T) {
	table, goodbye := newTable(t), newTable(t, last)
	address, stop := serve(t, table, "127.0.0.1:0")
	second, stopSecond := serve(t, goodbye, "127.0.0.1:0")
	c := dial(t, settings(address, second))
	publish(table, 0.7, 0.2, 0.1)
	publish(goodbye, 0.7, 0.2, 0.1)
	until(t, c, "the newest", newest(table))
	count := func(req *mesh.Request) (map[string]int, client.Choice) {
		n, last := map[string]int{}, client.Choice{}
		for range 10000 {
			last = c.Pick("shop", req)
			n[last.Endpoint.Name]++
		}
		return n, last
	}
	near := func(n map[string]int, a, b, cc float64) {
		t.Helper()
		chi2 := 0.0
		for name, share := range map[string]float64{"a": a, "b": b, "c": cc} {
			d := float64(n[name]) - 10000*share
			chi2 += d * d / (10000 * share)
		}
		if chi2 > 27.6 { // p = 1e-6: how many picks came before differs each time
			t.Errorf("picked %v; want parts of %v, %v, %v (chi-squared %.1f)", n, a, b, cc, chi2)
		}
	}
	n, last := count(nil)
	near(n, 0.7, 0.2, 0.1)
	if last.From != client.Weights || last.Route.Name != "split" {
		t.Errorf("fresh weights, and the choice is %+v", last)
	}
	if n, last := count(jason); n["c"] != 10000 || last.Route.Name != "jason" || last.Propensity != 1 {
		t.Errorf("jason was sent to %v, %+v; want c only", n, last)
	}
	if ch := c.Pick("nobody", nil); ch.From != client.Nothing || ch.Endpoint != nil {
		t.Errorf("an unknown service: %+v", ch)
	}
	if allocs := testing.AllocsPerRun(1000, func() { c.Pick("shop", jason) }); allocs != 0 {
		t.Errorf("a pick allocates %v times", allocs)
	}
	stop()
	expire(t, c, goodbye, stopSecond)
	n, _ = count(nil) // the rule's 90 and 10 hold; a and b are alike
	near(n, 0.45, 0.45, 0.1)
}

// TestSessions: a session goes where the daemon sends it.
func TestSessions(t *testing.T) {
	table := newTable(t)
	address, stop := serve(t, table, "127.0.0.1:0")
	defer stop()
	c := dial(t, settings(address))
	publish(table, 0.7, 0.2, 0.1)
	until(t, c, "the newest", newest(table))
	seen := map[string]bool{}
	for i := range 200 {
		req := &mesh.Request{Service: "shop", SessionKey: fmt.Sprint(i)}
		answer := table.Load("shop").Decide(req, 0)
		here, there := c.Pick("shop", req), answer.Endpoints[answer.Endpoint].Name
		if seen[there] = true; here.Endpoint.Name != there || here.Propensity != answer.Propensity {
			t.Fatalf("session %d goes to %+v here, to %s with %v there", i, here, there, answer.Propensity)
		}
	}
	if len(seen) != 3 {
		t.Errorf("200 sessions reached only %v", seen)
	}
}

// TestDaemonGoesAndComes: picks go on, and newer weights are found again.
func TestDaemonGoesAndComes(t *testing.T) {
	address, stop := serve(t, newTable(t, soon), porttest.Address(t))
	c := dial(t, settings(address))
	until(t, c, "named", from(client.Weights))
	stop()
	until(t, c, "expired", from(client.Equal))
	table := newTable(t)
	_, stop = serve(t, table, address) // anew
	defer stop()
	until(t, c, "fresh", func(ch client.Choice) bool { return ch.From == client.Weights && newest(table)(ch) })
}

func TestConfig(t *testing.T) {
	if _, err := client.Dial(client.DefaultConfig()); err == nil {
		t.Error("no targets, no credentials and no clock, and no error")
	}
}

func Example() {
	table := newTable(&testing.T{})
	address, stop := serve(&testing.T{}, table, "127.0.0.1:0")
	defer stop()
	cfg := client.DefaultConfig()
	cfg.Targets, cfg.Credentials, cfg.Clock = []string{address}, insecure.NewCredentials(), time.Now
	cfg.Deadline = 5 * time.Second // for slow machines that run examples
	c, err := client.Dial(cfg)
	if err != nil {
		panic(err)
	}
	defer c.Close()
	a := c.Decide(context.Background(), &fairwayv1.DecideRequest{
		Service: "shop", Headers: map[string]string{"end-user": "jason"},
	})
	fmt.Println(a.GetRoute(), a.GetEndpoint().GetName(), a.From)
	fmt.Println(c.Pick("shop", nil).From) // no Watch runs
	// Output:
	// jason c daemon
	// nothing
}
