package router

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/health"
)

// lookout is Found of one service's members.
type lookout struct{ *Known }

func (k *lookout) Members(service string) *Members { return k.Known.Members(service, nil, nil) }

func (k *lookout) know(services ...*discovery.Service) { k.Known, _, _ = k.Then(snapshot(services...)) }

// TestEjectKnowsWhoIsThere holds what discovery does to decisions beyond the table.
func TestEjectKnowsWhoIsThere(t *testing.T) {
	found := &lookout{}
	cfg := DefaultConfig()
	cfg.Found = found
	policy := Limit(Eject(RoundRobin(), nil, cfg), cfg)
	var pods []discovery.Endpoint
	for i := range 6 {
		pods = append(pods, pod(fmt.Sprintf("c%d", i+1), i+1, discovery.Ready))
	}
	say := func() { found.know(kube("checkout", "default", pods...)) }
	say()
	k := 0
	next := func(seen ...seen) Decision {
		k++
		return decide(t, policy, frame(k, seen...))
	}
	for range 10 {
		next(six()...)
	}
	// Three of six are not ready: nobody's place is taken.
	for i := range 3 {
		pods[i].State = discovery.NotReady
	}
	say()
	d := next(six()...)
	for i, w := range d.Weights {
		want := 1.0 / 3
		if i < 3 {
			want = 0
		}
		near(t, "weight of "+d.Endpoints[i].Name, w, want, 1e-9)
	}
	if s := d.Health[0]; s.State != health.Unhealthy || s.Reason != "not ready, says kubernetes" || !d.Ejected[0] {
		t.Errorf("health %+v", s)
	}
	// Two of the three that are left fail: they are not ejected for want of others, and not
	// for the sake of those that are not ready, which have had no requests for too long.
	for range 10 {
		next(six()...)
	}
	list := six()
	list[4], list[5] = list[4].failing(1), list[5].failing(1)
	if d = next(list...); d.Weights[5] < 0.1 || d.Weights[5] > 1.0/3+1e-9 || d.Weights[0] != 0 {
		t.Errorf("weights %v", d.Weights)
	}
	// Back, slowly.
	for range 30 {
		next(six()...)
	}
	pods[0].State = discovery.Ready
	say()
	if d = next(six()...); !(d.Weights[0] > 0 && d.Weights[0] < 0.2) || d.Ejected[0] {
		t.Errorf("weights %v: want a slow start", d.Weights)
	}
	for range 10 {
		d = next(six()...)
	}
	near(t, "weight in the end", d.Weights[0], 0.25, 0.01)
	pods[4].State = discovery.Draining
	say()
	if d = next(six()...); d.Weights[4] != 0 || d.Health[4].State != health.Draining || d.Health[4].Reason != "draining, says kubernetes" {
		t.Errorf("weights %v, health %+v", d.Weights, d.Health[4])
	}
	// Gone: at once, and back under the same name, slowly.
	gone := pods[5]
	pods = pods[:5]
	say()
	if d = next(six()...); d.Weights[5] != 0 || d.Weights[0] != 0.5 || d.Health[5].Reason != "gone, says kubernetes" {
		t.Errorf("weights %v, health %+v", d.Weights, d.Health[5])
	}
	pods = append(pods, gone)
	say()
	if d = next(six()...); !(d.Weights[5] > 0 && d.Weights[5] < 0.3) {
		t.Errorf("weights %v: want a slow start", d.Weights)
	}
}

// TestNewcomers holds that what was discovered begins slowly before metrics show it, and
// goes on so when they do.
func TestNewcomers(t *testing.T) {
	found := &lookout{}
	cfg := DefaultConfig()
	cfg.Found = found
	policy := Eject(RoundRobin(), nil, cfg)
	table := NewTable(nil, cfg)
	know := func(services ...*discovery.Service) {
		found.know(services...)
		table.Know(snapshot(services...))
	}
	a, b, c := pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready), pod("c-3", 3, discovery.NotReady)
	know(kube("checkout", "default", a, b))
	k := 0
	next := func(names ...string) float64 {
		var list []seen
		for _, name := range names {
			list = append(list, well(name, ""))
		}
		f := frame(k, list...)
		k++
		d := decide(t, policy, f)
		table.Publish(&d, f)
		r := table.Load("checkout")
		if i := byName(r.Endpoints, "c-3"); i >= 0 {
			return r.Answers()[0].Weights[i]
		}
		return math.NaN()
	}
	for range 10 {
		next("c-1", "c-2")
	}
	know(kube("checkout", "default", a, b, c))
	if got := next("c-1", "c-2"); got != 0 {
		t.Errorf("not ready yet: %v", got)
	}
	c.State = discovery.Ready
	know(kube("checkout", "default", a, b, c))
	got := []float64{next("c-1", "c-2"), next("c-1", "c-2"), next("c-1", "c-2", "c-3"), next("c-1", "c-2", "c-3")}
	if !(got[0] > 0 && got[0] < 0.06 && slices.IsSorted(got) && got[3] < 0.25) {
		t.Errorf("weights %v: want a slow start", got)
	}
	for range 10 {
		got = append(got, next("c-1", "c-2", "c-3"))
	}
	near(t, "weight in the end", got[len(got)-1], 1.0/3, 1e-9)
}
