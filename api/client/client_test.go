package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
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

func newTable(t testing.TB) *router.Table {
	t.Helper()
	file, err := rules.Parse("shop.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return router.NewTable(set, router.DefaultConfig())
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
func serve(t testing.TB, table *router.Table, address string) (listening string, stop func()) {
	t.Helper()
	server, err := api.New(table, api.NewMetrics(prometheus.NewRegistry(), time.Now), api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
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

// dial watches shop, and returns a clock that the test sets in seconds.
func dial(t testing.TB, address string) (*client.Client, *atomic.Int64) {
	t.Helper()
	now := new(atomic.Int64)
	cfg := client.DefaultConfig()
	cfg.Credentials, cfg.Seed, cfg.Retry = insecure.NewCredentials(), 2, time.Millisecond
	cfg.Clock = func() time.Time { return time.Unix(now.Load(), 0) }
	c, err := client.Dial(address, cfg)
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
	return c, now
}

// until waits for a choice; how long is the test's own limit.
func until(t testing.TB, c *client.Client, what string, is func(client.Choice) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !is(c.Pick("shop", "")) {
		select {
		case <-ctx.Done():
			t.Fatalf("no choice that is %s; the last was %+v", what, c.Pick("shop", ""))
		case <-time.After(time.Millisecond):
		}
	}
}

func TestPick(t *testing.T) {
	table := newTable(t)
	address, stop := serve(t, table, "127.0.0.1:0")
	defer stop()
	c, now := dial(t, address)
	publish(table, 0.7, 0.2, 0.1)
	until(t, c, "the newest", func(ch client.Choice) bool { return ch.TableVersion == table.Version() })

	count := func(route string) (map[string]int, client.Choice) {
		n, last := map[string]int{}, client.Choice{}
		for range 10000 {
			last = c.Pick("shop", route)
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
		if chi2 > 13.8 { // p = 0.001
			t.Errorf("picked %v; want parts of %v, %v, %v (chi-squared %.1f)", n, a, b, cc, chi2)
		}
	}
	n, last := count("")
	near(n, 0.7, 0.2, 0.1)
	if last.From != client.Weights {
		t.Errorf("fresh weights, and the choice is from %s", last.From)
	}
	if n, _ := count("jason"); n["c"] != 10000 {
		t.Errorf("jason was sent to %v; want c only", n)
	}
	if ch := c.Pick("nobody", ""); ch.From != client.Nothing || ch.Endpoint != nil {
		t.Errorf("an unknown service: %+v", ch)
	}
	now.Add(11)
	n, last = count("") // the rule's 90 and 10 hold; a and b are alike
	near(n, 0.45, 0.45, 0.1)
	if last.From != client.Equal {
		t.Errorf("expired weights, and the choice is from %s", last.From)
	}
	if allocs := testing.AllocsPerRun(100, func() { c.Pick("shop", "jason") }); allocs != 0 {
		t.Errorf("a pick allocates %v times", allocs)
	}
}

// TestDaemonGoesAndComes: picks go on, and newer weights are found again.
func TestDaemonGoesAndComes(t *testing.T) {
	table := newTable(t)
	address, stop := serve(t, table, "127.0.0.1:0")
	c, now := dial(t, address)
	until(t, c, "named", func(ch client.Choice) bool { return ch.From == client.Weights })
	stop()
	now.Add(11)
	if ch := c.Pick("shop", ""); ch.From != client.Equal || ch.Endpoint == nil {
		t.Errorf("without a daemon: %+v", ch)
	}
	_, stop = serve(t, newTable(t), address) // anew, at version 1
	defer stop()
	until(t, c, "fresh", func(ch client.Choice) bool { return ch.From == client.Weights && ch.TableVersion == 1 })
}

func TestConfig(t *testing.T) {
	if _, err := client.Dial("127.0.0.1:1", client.DefaultConfig()); err == nil {
		t.Error("no credentials and no clock, and no error")
	}
}

func Example() {
	table := newTable(&testing.T{})
	address, stop := serve(&testing.T{}, table, "127.0.0.1:0")
	defer stop()
	cfg := client.DefaultConfig()
	cfg.Credentials, cfg.Clock = insecure.NewCredentials(), time.Now
	c, err := client.Dial(address, cfg)
	if err != nil {
		panic(err)
	}
	defer c.Close()
	d, err := c.Decide(context.Background(), &fairwayv1.DecideRequest{
		Service: "shop", Headers: map[string]string{"end-user": "jason"},
	})
	fmt.Println(d.GetRoute(), d.GetEndpoint().GetName(), err)
	fmt.Println(c.Pick("shop", "").From) // nothing: no Watch runs
	// Output:
	// jason c <nil>
	// nothing
}
