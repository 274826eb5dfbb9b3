package client_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// watching is a client of a daemon that serves these rules of shop, when it has heard.
func watching(t testing.TB, s rules.Service, change ...func(*client.Config)) (*client.Client, *router.Table) {
	t.Helper()
	s.Name = "shop"
	set, err := rules.Compile(&rules.File{Services: []rules.Service{s}})
	if err != nil {
		t.Fatal(err)
	}
	table := router.NewTable(set, router.DefaultConfig())
	address, stop := serve(t, table, "127.0.0.1:0")
	t.Cleanup(stop)
	cfg := settings(address)
	for _, c := range change {
		c(&cfg)
	}
	c, err := client.Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.Watch(ctx, []string{"shop"}, nil) }()
	t.Cleanup(func() { cancel(); <-done; c.Close() })
	for bound := time.Now().Add(10 * time.Second); c.Pick("shop", nil).From != client.Weights; time.Sleep(time.Millisecond) {
		if time.Now().After(bound) {
			t.Fatal("no weights have come")
		}
	}
	return c, table
}

// places are endpoints of shop, alternately in the zones.
func places(n int, zones ...string) (list []rules.Endpoint) {
	for i := range n {
		list = append(list, rules.Endpoint{Endpoint: mesh.Endpoint{Name: fmt.Sprintf("e%03d", i), Zone: zones[i%len(zones)]}, Weight: float64(1 + i%3)})
	}
	return list
}

// TestKeysGoWhereTheDaemonSends: by ring and Maglev, by session key and cookie, client and
// daemon pick the same, and say the same probability.
func TestKeysGoWhereTheDaemonSends(t *testing.T) {
	for _, algorithm := range []rules.Algorithm{rules.RingHash, rules.Maglev, rules.Weighted} {
		c, table := watching(t, rules.Service{
			Endpoints: places(9, "a", "b"),
			Balance:   rules.Balance{Algorithm: algorithm, Table: 5000, Hash: []rules.HashKey{{Of: rules.HashCookie, Name: "id"}}},
		})
		for i := range 500 {
			q := mesh.Request{Service: "shop", Headers: map[string]string{"cookie": fmt.Sprint("id=", i)}}
			if i%2 == 0 {
				q.SessionKey = fmt.Sprint("s", i)
			}
			got, want := c.Pick("shop", &q), table.Load("shop").Decide(&q, uint64(i))
			if got.Endpoint.GetName() != want.Endpoints[want.Endpoint].Name || math.Abs(got.Propensity-want.Propensity) > 1e-12 {
				t.Fatalf("%s: client %s at %v, daemon %s at %v", algorithm, got.Endpoint.GetName(), got.Propensity,
					want.Endpoints[want.Endpoint].Name, want.Propensity)
			}
		}
		q := mesh.Request{Headers: map[string]string{"cookie": "id=7"}}
		if n := testing.AllocsPerRun(100, func() { c.Pick("shop", &q) }); n > 0.5 { // others watch meanwhile
			t.Errorf("%s: %v allocations per pick", algorithm, n)
		}
	}
}

// TestZonesOfClients: requests are served in the zone that they say, else in the client's.
func TestZonesOfClients(t *testing.T) {
	c, table := watching(t, rules.Service{Endpoints: places(6, "a", "b", "c"), Locality: rules.Locality{Spill: &rules.Spill{}}},
		func(cfg *client.Config) { cfg.Zone = "b" })
	for _, test := range []struct {
		zone string
		want map[string]bool
	}{{"", map[string]bool{"b": true}}, {"a", map[string]bool{"a": true}}, {"moon", map[string]bool{"a": true, "b": true, "c": true}}} {
		q, met := mesh.Request{Source: mesh.Source{Zone: test.zone}}, map[string]bool{}
		for range 200 {
			choice := c.Pick("shop", &q)
			met[choice.Endpoint.GetZone()] = true
			asked := mesh.Request{Service: "shop", Source: mesh.Source{Zone: test.zone}}
			if test.zone == "" {
				asked.Source.Zone = "b"
			}
			weights := table.Load("shop").Weigh(&asked)
			at := slices.IndexFunc(weights.Endpoints, func(e mesh.Endpoint) bool { return e.Name == choice.Endpoint.GetName() })
			if math.Abs(choice.Propensity-weights.Weights[at]) > 1e-12 {
				t.Fatalf("zone %q: propensity %v; the daemon's weight is %v", test.zone, choice.Propensity, weights.Weights[at])
			}
		}
		if diff := cmp.Diff(test.want, met); diff != "" {
			t.Errorf("zone %q: %s", test.zone, diff)
		}
	}
}

// TestSubsetOfClient: each client uses so many endpoints of each subset, which keeps its
// share; another client uses others.
func TestSubsetOfClient(t *testing.T) {
	list := places(60, "a")
	for i := range list {
		list[i].Subset = []string{"v1", "v2"}[i%2]
	}
	rule := rules.Service{
		Endpoints: list, Balance: rules.Balance{SubsetSize: 5},
		Routes: []rules.Route{{Name: "split", To: []rules.Target{{Subset: "v1", Weight: 90}, {Subset: "v2", Weight: 10}}}},
	}
	used := func(name string) (map[string]int, float64) {
		c, _ := watching(t, rule, func(cfg *client.Config) { cfg.Name = name })
		counts, first := map[string]int{}, 0
		for range 4000 {
			e := c.Pick("shop", nil).Endpoint
			if counts[e.GetName()]++; e.GetSubset() == "v1" {
				first++
			}
		}
		return counts, float64(first) / 4000
	}
	one, share := used("proxy-1")
	if len(one) != 10 || math.Abs(share-0.9) > 0.02 {
		t.Errorf("%d endpoints, %v to v1; want 10 and 0.9", len(one), share)
	}
	again, _ := used("proxy-1")
	other, _ := used("proxy-2")
	for name := range one {
		if again[name] == 0 {
			t.Errorf("the same client uses other endpoints than before")
		}
		delete(other, name)
	}
	if len(other) < 3 {
		t.Error("two clients use the same endpoints")
	}
}

// TestCircuitOfClient: an endpoint at its bound is passed over while another has room; at
// the bound of all, or of the service, there is still an answer, which says so.
func TestCircuitOfClient(t *testing.T) {
	c, _ := watching(t, rules.Service{Endpoints: places(3, "a"), Circuit: rules.Circuit{Connections: 2, Requests: 5}})
	var calls []client.Call
	counts, full, unknown := map[string]int{}, 0, 0
	for range 9 {
		choice := c.Pick("shop", &mesh.Request{SessionKey: "always the same"})
		counts[choice.Endpoint.GetName()]++
		if choice.Full {
			full++
		}
		if math.IsNaN(choice.Propensity) {
			unknown++
		}
		calls = append(calls, c.Begin(choice, nil))
	}
	// Six have room; from the sixth on the service's bound is met.
	if len(counts) != 3 || full != 4 || unknown != 4 {
		t.Errorf("endpoints %v, %d full, %d of unknown probability; want 3, 4, 4", counts, full, unknown)
	}
	answer := c.Decide(canceled(), &fairwayv1.DecideRequest{Service: "shop"})
	if answer.Endpoint.GetName() == "" || answer.Reason != "full" || answer.From != client.Weights {
		t.Errorf("decided %v from %v", answer.Decision, answer.From)
	}
	for _, call := range calls {
		call.Done(200)
	}
	if choice := c.Pick("shop", nil); choice.Full || choice.InFlight() != 0 {
		t.Errorf("after all are done: full %v, %d in flight", choice.Full, choice.InFlight())
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestBalancerSaysFull: it counts as a Pick does.
func TestBalancerSaysFull(t *testing.T) {
	c, _ := watching(t, rules.Service{Endpoints: places(2, "a"), Circuit: rules.Circuit{Requests: 2}})
	b, err := c.Balancer("shop", "", "least_loaded", 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		choice := b.Pick(nil)
		if choice.Full != (i == 2) {
			t.Errorf("request %d: full %v", i, choice.Full)
		}
		defer c.Begin(choice, nil).Done(200)
	}
}

// TestSubsetKeepsZones: what callers of a zone send home goes there from each client,
// however few of the endpoints are there.
func TestSubsetKeepsZones(t *testing.T) {
	list := places(22, "a")
	for i := range list {
		list[i].Zone = "c"
	}
	list[0].Zone, list[1].Zone = "b", "b"
	rule := rules.Service{
		Endpoints: list, Balance: rules.Balance{SubsetSize: 4},
		Locality: rules.Locality{Spill: &rules.Spill{Split: map[string]map[string]float64{"b": {"b": 90, "c": 10}}}},
	}
	for _, name := range []string{"proxy-1", "proxy-2", "proxy-3", "proxy-4"} {
		c, _ := watching(t, rule, func(cfg *client.Config) { cfg.Name, cfg.Zone = name, "b" })
		used, home := map[string]bool{}, 0
		for range 4000 {
			e := c.Pick("shop", nil).Endpoint
			if used[e.GetName()] = true; e.GetZone() == "b" {
				home++
			}
		}
		if share := float64(home) / 4000; math.Abs(share-0.9) > 0.02 || len(used) > 5 {
			t.Errorf("%s: %v of zone b stay there, at %d endpoints; want 0.9, at most 5", name, share, len(used))
		}
	}
}
