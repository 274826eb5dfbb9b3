package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/rules"
)

// TestReturnsElsewhere: a pod of a StatefulSet is deleted, and then there by its name at
// another address. Metrics by the old one show somebody who is gone.
func TestReturnsElsewhere(t *testing.T) {
	table := NewTable(nil, DefaultConfig())
	one := pod("c-1", 1, discovery.Ready)
	table.Know(snapshot(kube("checkout", "default", one, pod("c-2", 2, discovery.Ready))))
	table.Know(snapshot(kube("checkout", "default", one)))
	table.Know(snapshot(kube("checkout", "default", one, pod("c-2", 9, discovery.Ready))))
	f := called("10.0.0.1:9090", "10.0.0.2:9090", "10.0.0.9:9090")
	table.Publish(equally(t, f), f)
	if got := joined(table.Load("checkout")); got != "c-1 0.5, c-2 0.5" {
		t.Errorf("%s; want nothing for its old address", got)
	}
	// Once somebody else has the address it is his.
	table.Know(snapshot(kube("checkout", "default", one, pod("c-2", 9, discovery.Ready), pod("c-3", 2, discovery.Ready))))
	if got := joined(table.Load("checkout")); got != "c-1 0.333, c-2 0.333, c-3 0.333" {
		t.Errorf("%s; want the address to be another's", got)
	}
}

// TestGoneBeforeTheService: endpoints that went before their service was deleted are not
// back by that.
func TestGoneBeforeTheService(t *testing.T) {
	table := NewTable(nil, DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready))))
	f := called("c-1", "c-2")
	table.Publish(equally(t, f), f)
	table.Know(snapshot(kube("checkout", "default", pod("c-2", 2, discovery.Ready))))
	table.Know(snapshot())
	if got := joined(table.Load("checkout")); got != "c-2 1" {
		t.Errorf("%s; want who was there to the end, by the metrics", got)
	}
}

// TestSavedWithoutGone: who was gone when a table was saved is not back in the next life,
// in which nobody knows that.
func TestSavedWithoutGone(t *testing.T) {
	table := NewTable(nil, DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready))))
	f := called("10.0.0.1", "10.0.0.2")
	table.Publish(equally(t, f), f)
	table.Know(snapshot(kube("checkout", "default", pod("c-2", 2, discovery.Ready))))
	text, err := table.Look().Save()
	if err != nil {
		t.Fatal(err)
	}
	served, _, err := ReadSaved(text)
	if err != nil {
		t.Fatal(err)
	}
	again := NewTable(nil, DefaultConfig())
	again.Know(snapshot(kube("checkout", "default", pod("c-2", 2, discovery.Ready))))
	again.PublishAll(served, nil)
	if got := joined(again.Load("checkout")); got != "c-2 1" {
		t.Errorf("%s; want who was left", got)
	}
	// Where nobody was left there is nothing to save.
	table.Know(snapshot(kube("checkout", "default")))
	if text, err = table.Look().Save(); err != nil {
		t.Fatal(err)
	}
	if served, _, err = ReadSaved(text); err != nil || len(served) > 0 {
		t.Errorf("saved %v, %v; want nothing", served, err)
	}
}

// TestTwoNamesOfOneUnready: metrics that call an endpoint by two names do not bring back
// one that is not ready.
func TestTwoNamesOfOneUnready(t *testing.T) {
	table := NewTable(nil, DefaultConfig())
	f := called("10.0.0.1", "10.0.0.1:9090", "10.0.0.2")
	d := equally(t, f)
	d.Ejected[2] = true
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.NotReady), pod("c-2", 2, discovery.Ready))))
	table.Publish(d, f)
	for _, a := range table.Load("checkout").Answers() {
		if a.Weights[0] > 0 {
			t.Errorf("route %s: weights %v of %v; want nothing for who is not ready", a.Route, a.Weights, a.Endpoints)
		}
	}
}

// TestRuledTwice: two endpoints of the rules that discovery knows as one are one: it does
// not serve by the other name while it is not ready.
func TestRuledTwice(t *testing.T) {
	table := NewTable(compiled(t, rules.Service{Name: "checkout", Endpoints: []rules.Endpoint{
		{Endpoint: mesh.Endpoint{Name: "c-1"}, Weight: 1}, {Endpoint: mesh.Endpoint{Name: "front", Address: "10.0.0.1:8080"}, Weight: 2}}}), DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.NotReady), pod("c-2", 2, discovery.Ready))))
	r := table.Load("checkout")
	if got := joined(r); got != "c-1 0, c-2 1" || !noted(r, `endpoints "c-1" and "front" of the rules are one`) {
		t.Errorf("%s, notes %q", got, r.Notes)
	}
}

// TestTriedByAnotherName: rules on trial that call a discovered service otherwise do not
// make another of it.
func TestTriedByAnotherName(t *testing.T) {
	table := NewTable(nil, DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready))))
	whole := "checkout.default.svc.cluster.local"
	check := func(what, service string) {
		t.Helper()
		if all := table.Services(); len(all) != 1 || all[0] != service {
			t.Errorf("%s: services %q; want %s alone", what, all, service)
		}
		for _, name := range []string{"checkout", "checkout.default", whole} {
			if got := table.Load(name).Service; got != service {
				t.Errorf("%s: %s finds %q", what, name, got)
			}
		}
	}
	table.Try(ruleSet(t, checkoutRules), 0.5)
	check("tried", whole)
	f := called("c-1")
	table.PublishAll(nil, []Made{{equally(t, f), f}})
	check("decided", whole)
	if _, tried, _ := table.Load("checkout").Shares(); tried == nil {
		t.Error("the line on trial decides nothing")
	}
	table.Adopt()
	check("adopted", "checkout")
}

// TestRulesLetGo: a service that the rules call no more is what is decided upon from then
// on, by the name that it has then.
func TestRulesLetGo(t *testing.T) {
	table := NewTable(ruleSet(t, checkoutRules), DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready))))
	bare := called("front", "c-2")
	bare.Start, bare.End = time.Time{}, time.Time{}
	table.Publish(equally(t, bare), bare)
	table.SetRules(nil)
	bare = called("c-1", "c-2")
	bare.Service, bare.Start, bare.End = "checkout.default.svc.cluster.local", time.Time{}, time.Time{}
	d := equally(t, bare)
	d.Policy = "anew"
	table.Publish(d, bare)
	if r := table.Load("checkout"); r.Service != bare.Service || r.Decision == nil || r.Decision.Policy != "anew" {
		t.Errorf("%s serves %+v; want what was decided last", r.Service, r.Decision)
	}
}

// TestRuledAndOver: a service of the rules that is deleted, and that metrics show no more,
// is served as the rules alone say once another comes; the table has no hole then.
func TestRuledAndOver(t *testing.T) {
	table := NewTable(ruleSet(t, checkoutRules), DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready))))
	f := called("c-1")
	table.Publish(equally(t, f), f)
	table.Know(snapshot())
	f.Time = f.End.Add(Lingers + time.Minute)
	other := called("o-1")
	other.Service = "other"
	table.PublishAll([]Made{{equally(t, f), f}, {equally(t, other), other}}, nil)
	if r := table.Load("checkout"); r.Service != "checkout" {
		t.Errorf("checkout is served as %q", r.Service)
	}
	table.Try(nil, 0.5)
	table.Adopt()
	table.SetRules(ruleSet(t, checkoutRules))
}

// TestRuledAndDeleted: a service that rules name, and nobody measures, has no endpoints
// once it is deleted.
func TestRuledAndDeleted(t *testing.T) {
	table := NewTable(compiled(t, rules.Service{Name: "checkout"}), DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready))))
	f := called("c-1")
	f.Start, f.End = time.Time{}, time.Time{}
	table.Publish(equally(t, f), f)
	table.Know(snapshot())
	if r := table.Load("checkout"); r.Service != "checkout" || len(r.Endpoints) > 0 {
		t.Errorf("%s has %v; want nobody", r.Service, r.Endpoints)
	}
}

// TestGoneByAnyCase: what is gone is found as what is there, whatever the case of its name.
func TestGoneByAnyCase(t *testing.T) {
	table := NewTable(nil, DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready))))
	f := called("c-1")
	f.Service = "checkout.default"
	table.Publish(equally(t, f), f)
	table.Know(snapshot(kube("checkout", "other", pod("o-1", 2, discovery.Ready))))
	for _, name := range []string{"checkout.default", "Checkout.Default.SVC", "checkout.default.svc.cluster.local."} {
		if got := table.Load(name).Service; got != "checkout.default" {
			t.Errorf("%s finds %q; want what metrics still show", name, got)
		}
	}
}

// TestMadeAnew: a service that is deleted, and made anew under the same name, has no
// endpoint of before, though metrics show them all.
func TestMadeAnew(t *testing.T) {
	table := NewTable(nil, DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready))))
	f := called("10.0.0.1", "10.0.0.2")
	table.Publish(equally(t, f), f)
	table.Know(snapshot())
	if got := joined(table.Load("checkout")); got != "c-1 0.5, c-2 0.5" {
		t.Errorf("deleted: %s", got)
	}
	table.Know(snapshot(kube("checkout", "default")))
	if got := joined(table.Load("checkout")); got != "" {
		t.Errorf("anew, and empty: %s", got)
	}
	table.Know(snapshot(kube("checkout", "default", pod("d-1", 7, discovery.Ready), pod("d-2", 2, discovery.NotReady))))
	if got := joined(table.Load("checkout")); got != "d-1 1, d-2 0" {
		t.Errorf("anew: %s", got)
	}
	f = called("10.0.0.1", "10.0.0.2", "10.0.0.7")
	table.Publish(equally(t, f), f)
	if got := joined(table.Load("checkout")); got != "d-1 1, d-2 0" {
		t.Errorf("anew, and measured: %s", got)
	}
}

// TestOneHost: pods with their host's address are told apart by ports, those of one
// service and those of two.
func TestOneHost(t *testing.T) {
	at := func(name string, port int, state discovery.State) discovery.Endpoint {
		e := pod(name, 1, state)
		e.Address = fmt.Sprint("10.0.0.1:", port)
		return e
	}
	table := NewTable(nil, DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", at("c-1", 8080, discovery.Ready), at("c-2", 8081, discovery.NotReady)),
		kube("reviews", "default", at("r-1", 9090, discovery.Ready))))
	f := called("10.0.0.1:8080", "10.0.0.1:8081")
	table.Publish(equally(t, f), f)
	if got := joined(table.Load("checkout")); got != "c-1 1, c-2 0" {
		t.Errorf("two of one service: %s", got)
	}
	f = called("10.0.0.1:9090")
	f.Service = "reviews"
	table.Publish(equally(t, f), f)
	if got := joined(table.Load("reviews")); got != "r-1 1" {
		t.Errorf("the other service: %s", got)
	}
}
