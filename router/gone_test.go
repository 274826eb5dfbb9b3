package router

import (
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// TestGoneIsForgotten holds how long what is gone is remembered.
func TestGoneIsForgotten(t *testing.T) {
	k, _, _ := (*Known)(nil).Then(snapshot(kube("s", "n", pod("a", 1, discovery.Ready), pod("b", 2, discovery.Ready))))
	k, _, _ = k.Then(snapshot(kube("s", "n", pod("a", 1, discovery.Ready))))
	both, one := []mesh.Endpoint{{Name: "a"}, {Name: "b"}}, []mesh.Endpoint{{Name: "a"}}
	settle := func(after time.Duration, endpoints []mesh.Endpoint) Presence {
		k = k.Settle(Seen{Members: k.Members("s", nil, nil), Time: epoch.Add(after), Endpoints: endpoints})
		return k.Members("s", nil, nil).Presence("b")
	}
	for _, c := range []struct {
		after time.Duration
		seen  []mesh.Endpoint
		want  Presence
	}{{0, both, Gone}, {Lingers, one, Gone}, {Lingers + time.Hour, both, Gone}, {Lingers + 2*time.Hour, one, Unlisted}} {
		if got := settle(c.after, c.seen); got != c.want {
			t.Errorf("after %v with %v: %v; want %v", c.after, c.seen, got, c.want)
		}
	}
	if s := k.Settle(Seen{Members: k.Members("s", nil, nil), Time: epoch, Endpoints: one}); s != k {
		t.Error("there is nothing to forget any more")
	}
}

// TestMovedPort holds that another port of the same IP is the same place, which metrics
// go on to show by the old one.
func TestMovedPort(t *testing.T) {
	a := pod("a", 1, discovery.Ready)
	a.Names = nil
	k, _, _ := (*Known)(nil).Then(snapshot(kube("s", "n", a)))
	for address, want := range map[string]string{"10.0.0.1:9999": "a", "10.0.0.2:8080": "10.0.0.1:8080"} {
		now := a
		now.Address = address
		next, _, _ := k.Then(snapshot(kube("s", "n", now)))
		if got := next.Members("s", nil, nil).Called(mesh.Endpoint{Name: "10.0.0.1:8080"}); got != want {
			t.Errorf("at %s now: its old address is called %q; want %q", address, got, want)
		}
	}
}

// TestLostNamesakes holds that a name which two services had that are gone means neither,
// whichever went first.
func TestLostNamesakes(t *testing.T) {
	k, _, _ := (*Known)(nil).Then(snapshot(kube("s", "one", pod("a", 1, discovery.Ready)), kube("s", "two", pod("b", 2, discovery.Ready))))
	for range 20 {
		none, _, _ := k.Then(snapshot())
		if none.Names("s") != nil || len(none.Names("s.one")) == 0 || len(none.Names("s.two")) == 0 || none.Same("s.one", "s.two") {
			t.Fatalf("s means %q, s.one %q", none.Names("s"), none.Names("s.one"))
		}
	}
}

// TestTwoLeftOneAddress: of two that had an address one after the other it is remembered
// for as long as the later went, also when the former is back elsewhere.
func TestTwoLeftOneAddress(t *testing.T) {
	for range 20 { // what is gone is in no order
		k := (*Known)(nil)
		at := func(after time.Duration, pods ...discovery.Endpoint) {
			k, _, _ = k.Then(snapshot(kube("s", "n", pods...)))
			k = k.Settle(Seen{Members: k.Members("s", nil, nil), Time: epoch.Add(after)})
		}
		at(0, pod("a", 1, discovery.Ready), pod("b", 2, discovery.Ready))
		at(0, pod("a", 1, discovery.Ready))
		at(time.Minute, pod("a", 2, discovery.Ready))
		at(Lingers-time.Minute, pod("a", 3, discovery.Ready))
		at(Lingers-time.Minute, pod("a", 3, discovery.Ready), pod("b", 4, discovery.Ready))
		at(Lingers+5*time.Minute, pod("a", 3, discovery.Ready), pod("b", 4, discovery.NotReady))
		if m := k.Members("s", nil, nil); m.Presence(m.Called(mesh.Endpoint{Name: "10.0.0.2:9090"})) != Gone {
			t.Fatal("the address is forgotten that was left 6 min ago")
		}
	}
}
