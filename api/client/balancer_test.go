package client_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

func balancer(t *testing.T, c *client.Client, route, name string) *client.Balancer {
	t.Helper()
	b, err := c.Balancer("shop", route, name, 1)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBalancer: the picker hears of requests and probes, by endpoints; weights
// that come later, routes and expiry are those of the client.
func TestBalancer(t *testing.T) {
	table, goodbye := newTable(t), newTable(t, last)
	address, stop := serve(t, table, "127.0.0.1:0")
	second, stopSecond := serve(t, goodbye, "127.0.0.1:0")
	c := dial(t, settings(address, second))
	b, jason := balancer(t, c, "", "hot_cold"), balancer(t, c, "jason", "hot_cold")
	publish(table, 0.4, 0.4, 0.2)
	until(t, c, "the newest", newest(table))

	ch := b.Pick(&mesh.Request{})
	if ch.Endpoint == nil || ch.From != client.Weights || ch.TableVersion() != table.Version() || ch.Propensity == ch.Propensity {
		t.Fatalf("picked %+v", ch)
	}
	b.Done(ch.Endpoint, mesh.Outcome{Latency: 10 * time.Millisecond})
	asked, next := b.Probes(nil)
	if len(asked) != 3 || next != picker.Never {
		t.Fatalf("asks %v, next in %v", asked, next)
	}
	for _, e := range asked {
		load := mesh.Load{InFlight: 9, Latency: 0.1}
		if e.Name == "a" {
			load = mesh.Load{InFlight: 0, Latency: 0.01}
		}
		b.Probed(e, load)
	}
	for range 4 {
		if ch := b.Pick(nil); ch.Endpoint.Name != "a" {
			t.Errorf("picked %s; want a, which has nothing in flight", ch.Endpoint.Name)
		}
	}
	if ch := jason.Pick(nil); ch.Endpoint.Name != "c" {
		t.Errorf("jason was sent to %s", ch.Endpoint.Name)
	}
	publish(table, 0, 0.8, 0.2)
	publish(goodbye, 0, 0.8, 0.2)
	until(t, c, "the newest", newest(table))
	for range 4 {
		if ch := b.Pick(nil); ch.Endpoint.Name == "a" {
			t.Errorf("picked %+v, whose weight is 0", ch)
		}
	}
	stop()
	expire(t, c, goodbye, stopSecond)
	if ch := b.Pick(nil); ch.From != client.Equal {
		t.Errorf("expired weights, and the choice is from %s", ch.From)
	}
}

func TestBalancerOfWhatDoesNotAsk(t *testing.T) {
	table := newTable(t)
	address, stop := serve(t, table, "127.0.0.1:0")
	defer stop()
	c := dial(t, settings(address))
	b := balancer(t, c, "", "power_of_two")
	if ch := b.Pick(nil); ch.Endpoint != nil && ch.From == client.Nothing {
		t.Errorf("picked %+v", ch)
	}
	until(t, c, "named", from(client.Weights))
	if asked, next := b.Probes(nil); len(asked) != 0 || next != picker.Never {
		t.Errorf("asks %v, next in %v", asked, next)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				ch := b.Pick(nil)
				b.Probed(ch.Endpoint, mesh.Load{})
				b.Done(ch.Endpoint, mesh.Outcome{Latency: time.Millisecond})
			}
		})
	}
	all.Wait()
	b.Done(nil, mesh.Outcome{})
	if n := testing.AllocsPerRun(1000, func() { b.Done(b.Pick(nil).Endpoint, mesh.Outcome{}) }); n != 0 {
		t.Errorf("a pick allocates %v times", n)
	}
}

func TestBalancerNames(t *testing.T) {
	c := dial(t, settings("127.0.0.1:1"))
	for name, want := range map[string]string{"magic": "no picker is called", "c3": "holds requests back", "oracle": "only a simulation"} {
		if _, err := c.Balancer("shop", "", name, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", name, err, want)
		}
	}
	if ch := balancer(t, c, "", "hot_cold").Pick(nil); ch.From != client.Nothing || ch.Endpoint != nil {
		t.Errorf("without a daemon: %+v", ch)
	}
}

// TestBalancerReadsBoard: a picker that reads a board has the daemon's, and none
// when it has expired.
func TestBalancerReadsBoard(t *testing.T) {
	table, goodbye := newTable(t), newTable(t, last)
	address, stop := serve(t, table, "127.0.0.1:0")
	second, stopSecond := serve(t, goodbye, "127.0.0.1:0")
	c := dial(t, settings(address, second))
	b := balancer(t, c, "", "board_power_of_two")
	for _, of := range []*router.Table{table, goodbye} {
		publish(of, 0.45, 0.45, 0.1)
		d := *of.Load("shop").Decision
		d.Board.InFlight = []float64{9, 0, 9}
		of.Publish(&d, of.Load("shop").Frame)
	}
	until(t, c, "the newest", newest(table))
	count := func() map[string]int {
		n := map[string]int{}
		for range 1000 {
			n[b.Pick(nil).Endpoint.GetName()]++
		}
		return n
	}
	if n := count(); n["a"] > 300 || n["b"] < 600 { // without a board a and b are alike
		t.Errorf("picked %v; want b wherever it is drawn", n)
	}
	stop()
	expire(t, c, goodbye, stopSecond)
	if n := count(); n["a"] < 300 {
		t.Errorf("picked %v by a board that has expired", n)
	}
}
