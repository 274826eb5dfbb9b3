package router

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/rules"
)

// pod is a discovered endpoint NAME of zone z1, at 10.0.0.N:8080.
func pod(name string, n int, state discovery.State, labels ...string) discovery.Endpoint {
	e := discovery.Endpoint{Endpoint: mesh.Endpoint{Name: name, Address: fmt.Sprintf("10.0.0.%d:8080", n), Zone: "z1"}, State: state,
		Names: []string{fmt.Sprintf("10.0.0.%d", n), "default/" + name}}
	for _, label := range labels {
		if e.Labels == nil {
			e.Labels = map[string]string{}
		}
		key, value, _ := strings.Cut(label, "=")
		e.Labels[key] = value
	}
	return e
}

// kube is a service of Kubernetes in a namespace.
func kube(name, namespace string, endpoints ...discovery.Endpoint) *discovery.Service {
	whole := name + "." + namespace
	return &discovery.Service{Name: whole + ".svc.cluster.local", Names: []string{whole + ".svc", whole, name, whole + ":80"},
		Namespace: namespace, Source: "kubernetes", Endpoints: slices.Clone(endpoints)}
}

func snapshot(services ...*discovery.Service) *discovery.Snapshot {
	return discovery.NewSnapshot(1, services)
}

// joined writes the endpoints of a service with their weights for a plain request.
func joined(r *Routes) string {
	a := r.Decide(&mesh.Request{Service: r.Service}, 1<<40)
	var parts []string
	for i, e := range a.Endpoints {
		parts = append(parts, fmt.Sprintf("%s %.3g", e.Name, a.Weights[i]))
	}
	return strings.Join(parts, ", ")
}

func noted(r *Routes, want string) bool {
	return slices.ContainsFunc(r.Notes, func(note string) bool { return strings.Contains(note, want) })
}

const checkoutRules = `
version: 1
services:
  - name: checkout
    endpoints: [{name: front, address: "10.0.0.1:8080", zone: z9}]
`

// called is a window's endpoint by the name that metrics have.
func called(names ...string) *features.Frame {
	var list []seen
	for _, name := range names {
		list = append(list, well(name, ""))
	}
	return frame(0, list...)
}

// equally decides for a frame by equal weights.
func equally(t testing.TB, f *features.Frame) *Decision {
	d := decide(t, RoundRobin(), f)
	return &d
}

// TestServed holds by which names a service is served.
func TestServed(t *testing.T) {
	all := snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready)), kube("reviews", "default", pod("r-1", 2, discovery.Ready)),
		kube("reviews", "other", pod("r-2", 3, discovery.Ready)))
	check := func(t *testing.T, table *Table, names map[string]string) {
		t.Helper()
		for name, want := range names {
			if got := table.Load(name).Service; got != want {
				t.Errorf("%s is served as %q; want %q", name, got, want)
			}
		}
	}
	own := map[string]string{
		"reviews.default": "reviews.default.svc.cluster.local", "reviews.other.svc": "reviews.other.svc.cluster.local",
		"reviews": "", // it is two services'
		"ratings": "",
	}
	t.Run("under its own name", func(t *testing.T) {
		table := NewTable(nil, DefaultConfig())
		table.Know(all)
		check(t, table, own)
		check(t, table, map[string]string{"checkout": "checkout.default.svc.cluster.local", "checkout.default:80": "checkout.default.svc.cluster.local"})
		if want := []string{"checkout.default.svc.cluster.local", "reviews.default.svc.cluster.local", "reviews.other.svc.cluster.local"}; !slices.Equal(table.Services(), want) {
			t.Errorf("services %q; want %q", table.Services(), want)
		}
	})
	t.Run("under that of the rules", func(t *testing.T) {
		for _, first := range []string{"rules", "discovery"} {
			table := NewTable(nil, DefaultConfig())
			if first == "discovery" {
				table.Know(all)
			}
			table.SetRules(ruleSet(t, checkoutRules))
			if first == "rules" {
				table.Know(all)
			}
			check(t, table, own)
			for _, name := range []string{"checkout", "checkout.default", "checkout.default.svc.cluster.local"} {
				check(t, table, map[string]string{name: "checkout"})
			}
			if len(table.Services()) != 3 {
				t.Errorf("%s first: services %q", first, table.Services())
			}
		}
	})
	t.Run("under that of metrics", func(t *testing.T) {
		for _, first := range []string{"metrics", "discovery"} {
			table := NewTable(nil, DefaultConfig())
			if first == "discovery" {
				table.Know(all)
			}
			f := called("c-1")
			f.Service = "checkout.default.svc"
			table.Publish(equally(t, f), f)
			if first == "metrics" {
				table.Know(all)
			}
			check(t, table, own)
			for _, name := range []string{"checkout", "checkout.default", "checkout.default.svc.cluster.local"} {
				check(t, table, map[string]string{name: "checkout.default.svc"})
			}
			if len(table.Services()) != 3 || table.Load("checkout").Decision == nil {
				t.Errorf("%s first: services %q", first, table.Services())
			}
		}
	})
	t.Run("under that of rules before that of metrics", func(t *testing.T) {
		for _, first := range []string{"metrics", "discovery"} {
			table := NewTable(ruleSet(t, checkoutRules), DefaultConfig())
			if first == "discovery" {
				table.Know(all)
			}
			f := called("c-1")
			f.Service = "checkout.default.svc"
			table.Publish(equally(t, f), f)
			if first == "metrics" {
				table.Know(all)
			}
			check(t, table, map[string]string{"checkout": "checkout", "checkout.default.svc": "checkout", "checkout.default.svc.cluster.local": "checkout"})
			if r := table.Load("checkout"); len(table.Services()) != 3 || r.Decision == nil || r.Decision.Service != "checkout.default.svc" {
				t.Errorf("%s first: services %q, decision %+v", first, table.Services(), r.Decision)
			}
		}
	})
	t.Run("in the namespace of the rules", func(t *testing.T) {
		set, err := rules.Compile(&rules.File{Home: "other", Services: []rules.Service{{Name: "reviews"}}})
		if err != nil {
			t.Fatal(err)
		}
		table := NewTable(set, DefaultConfig())
		table.Know(all)
		check(t, table, map[string]string{"reviews": "reviews", "reviews.other": "reviews", "reviews.default": "reviews.default.svc.cluster.local"})
		if got := joined(table.Load("reviews")); got != "r-2 1" {
			t.Errorf("reviews has %s; want the endpoint of its namespace", got)
		}
	})
}

// TestEndpointsJoin holds by which names endpoints are decided upon.
func TestEndpointsJoin(t *testing.T) {
	all := snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready), pod("c-3", 3, discovery.Ready)))
	table := NewTable(ruleSet(t, checkoutRules), DefaultConfig())
	table.Know(all)
	if got := joined(table.Load("checkout")); got != "c-2 0.333, c-3 0.333, front 0.333" {
		t.Errorf("discovered and ruled: %s", got)
	}
	// By address and any port, by name of the pod, and one that nobody knows.
	f := called("10.0.0.1:9090", "default/c-2", "stranger")
	table.Publish(equally(t, f), f)
	r := table.Load("checkout")
	if got := joined(r); got != "c-2 0.25, c-3 0.25, front 0.25, stranger 0.25" {
		t.Errorf("with metrics: %s; want c-3 with its peers' mean", got)
	}
	want := []mesh.Endpoint{{Name: "c-2", Address: "10.0.0.2:8080", Zone: "z1"}, {Name: "c-3", Address: "10.0.0.3:8080", Zone: "z1"},
		{Name: "front", Address: "10.0.0.1:8080", Zone: "z9"}, {Name: "stranger"}}
	if !slices.Equal(r.Endpoints, want) {
		t.Errorf("endpoints %+v; want %+v", r.Endpoints, want)
	}
	// Two names of the metrics for one endpoint are one.
	f = called("10.0.0.2", "c-2", "c-3")
	table.Publish(equally(t, f), f)
	if got := joined(table.Load("checkout")); got != "c-2 0.333, c-3 0.333, front 0.333" {
		t.Errorf("with two names for one: %s", got)
	}
}

// TestSameAddressTwice holds that an address which two endpoints have joins neither.
func TestSameAddressTwice(t *testing.T) {
	a, b := pod("a", 1, discovery.Ready), pod("b", 1, discovery.Ready)
	b.Address = "10.0.0.1:8081"
	m := (*Known)(nil)
	k, _, _ := m.Then(snapshot(kube("s", "n", a, b)))
	members := k.Members("s", nil, nil)
	for seen, want := range map[string]string{"10.0.0.1:8080": "a", "10.0.0.1:8081": "b", "10.0.0.1": "", "10.0.0.1:9090": "", "n/a": ""} {
		if got := members.Called(mesh.Endpoint{Name: seen}); got != want {
			t.Errorf("%s is called %q; want %q", seen, got, want)
		}
	}
}

// TestPresence holds who serves, of a table that has metrics of a, b and c.
func TestPresence(t *testing.T) {
	const ready, not, draining = discovery.Ready, discovery.NotReady, discovery.Draining
	for _, c := range []struct {
		name, want, note string
		states           []discovery.State
	}{
		{"all ready", "c-1 0.333, c-2 0.333, c-3 0.333", "", []discovery.State{ready, ready, ready}},
		{"one not ready", "c-1 0, c-2 0.5, c-3 0.5", "", []discovery.State{not, ready, ready}},
		{"one draining", "c-1 0.5, c-2 0, c-3 0.5", "", []discovery.State{ready, draining, ready}},
		{"more than half not ready", "c-1 0, c-2 0, c-3 1", "", []discovery.State{not, not, ready}},
		{"only draining left", "c-1 0, c-2 0.5, c-3 0.5", "no endpoint is ready, says kubernetes: those that are draining serve", []discovery.State{not, draining, draining}},
		{"none ready", "c-1 0.333, c-2 0.333, c-3 0.333", "no endpoint is ready, says kubernetes: those that are not ready serve", []discovery.State{not, not, not}},
		{"one gone", "c-1 0.5, c-2 0.5", "", []discovery.State{ready, ready}},
		{"one gone, one not ready", "c-1 0, c-2 1", "", []discovery.State{not, ready}},
		{"one gone, none ready", "c-1 0.5, c-2 0.5", "those that are not ready serve", []discovery.State{not, not}},
		{"all gone", "", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := NewTable(nil, DefaultConfig())
			table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, ready), pod("c-2", 2, ready), pod("c-3", 3, ready))))
			f := called("c-1", "c-2", "c-3")
			table.Publish(equally(t, f), f)
			var pods []discovery.Endpoint
			for i, state := range c.states {
				pods = append(pods, pod(fmt.Sprintf("c-%d", i+1), i+1, state))
			}
			table.Know(snapshot(kube("checkout", "default", pods...)))
			r := table.Load("checkout")
			if got := joined(r); got != c.want {
				t.Errorf("%s; want %s", got, c.want)
			}
			if c.note != "" && !noted(r, c.note) || c.note == "" && len(r.Notes) > 0 {
				t.Errorf("notes %q; want %q", r.Notes, c.note)
			}
			table.Publish(equally(t, f), f) // metrics show it for longer
			if got := joined(table.Load("checkout")); got != c.want {
				t.Errorf("after a window: %s; want %s", got, c.want)
			}
		})
	}
}

// TestStaleRemovesNobody holds that what a source leaves out that does not answer is
// not gone, and that a service which is gone goes on until metrics end.
func TestStaleRemovesNobody(t *testing.T) {
	table := NewTable(nil, DefaultConfig())
	both := kube("checkout", "default", pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready))
	table.Know(snapshot(both, kube("idle", "default", pod("i-1", 3, discovery.Ready))))
	f := called("10.0.0.1", "10.0.0.2")
	table.Publish(equally(t, f), f)
	one := kube("checkout", "default", pod("c-1", 1, discovery.Ready))
	one.Stale = true
	table.Know(snapshot(one))
	if got := joined(table.Load("checkout")); got != "10.0.0.2 0.5, c-1 0.5" || !noted(table.Load("checkout"), "kubernetes does not answer") {
		t.Errorf("stale: %s, %q", got, table.Load("checkout").Notes)
	}
	table.Know(snapshot(both))
	table.Know(snapshot())
	r := table.Load("checkout.default")
	if got := joined(r); got != "c-1 0.5, c-2 0.5" || !noted(r, "kubernetes has this service no more") {
		t.Errorf("deleted: %s, %q", got, r.Notes)
	}
	if table.Load("idle").Service != "" || slices.Contains(table.Services(), "idle.default.svc.cluster.local") {
		t.Errorf("a service without metrics outlives its deletion: %q", table.Services())
	}
	old := called("10.0.0.1", "10.0.0.2")
	old.Time = old.Time.Add(time.Hour)
	table.Publish(equally(t, old), old)
	table.Know(snapshot(kube("other", "default")))
	if slices.Contains(table.Services(), "checkout") {
		t.Errorf("a service outlives its deletion by an hour without metrics: %q", table.Services())
	}
}

// TestSubsetsByLabels holds who is in a subset: by the rule's labels, else by version.
func TestSubsetsByLabels(t *testing.T) {
	set := ruleSet(t, `
version: 1
services:
  - name: checkout
    subsets: [{name: canary, labels: {track: canary}}, {name: v1, labels: {version: v1, track: stable}}]
    routes:
      - {name: canary, match: {path: {prefix: /canary}}, to: canary}
      - {name: plain, match: {path: {prefix: /v2}}, to: v2}
      - {name: split, to: [{subset: canary, weight: 20}, {subset: v1, weight: 80}]}
`)
	table := NewTable(set, DefaultConfig())
	pods := []discovery.Endpoint{pod("c-1", 1, discovery.Ready, "version=v1", "track=stable"), pod("c-2", 2, discovery.Ready, "version=v1", "track=canary"),
		pod("c-3", 3, discovery.Ready, "app.kubernetes.io/version=v2"), pod("c-4", 4, discovery.Ready, "version=v1", "track=stable")}
	table.Know(snapshot(kube("checkout", "default", pods...)))
	weights := func(path string) string {
		a := table.Load("checkout").Decide(&mesh.Request{Service: "checkout", Path: path}, 1<<40)
		var parts []string
		for i, e := range a.Endpoints {
			parts = append(parts, fmt.Sprintf("%s/%s %.3g", e.Name, e.Subset, a.Weights[i]))
		}
		return a.Route + ": " + strings.Join(parts, ", ")
	}
	check := func(path, want string) {
		t.Helper()
		if got := weights(path); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	check("/canary", "canary: c-1/v1 0, c-2/canary 1, c-3/v2 0, c-4/v1 0")
	check("/v2", "plain: c-1/v1 0, c-2/canary 0, c-3/v2 1, c-4/v1 0")
	check("/", "split: c-1/v1 0.4, c-2/canary 0.2, c-3/v2 0, c-4/v1 0.4")
	// A subset without a ready endpoint gives its part to the other; a route that leads
	// nowhere else is served by who is there.
	pods[1].State = discovery.NotReady
	table.Know(snapshot(kube("checkout", "default", pods...)))
	check("/", "split: c-1/v1 0.5, c-2/canary 0, c-3/v2 0, c-4/v1 0.5")
	check("/canary", "canary: c-1/v1 0, c-2/canary 1, c-3/v2 0, c-4/v1 0")
	if r := table.Load("checkout"); !noted(r, `no endpoint in subset "canary" is ready; its 20 % go to the other`) || !noted(r, `no endpoint of subset "canary" is ready; they get equal parts`) {
		t.Errorf("notes %q", r.Notes)
	}
}

// TestBorrowedReadiness holds that a route to another service knows who is ready there.
func TestBorrowedReadiness(t *testing.T) {
	set := ruleSet(t, "version: 1\nservices:\n  - name: shop\n    routes: [{name: all, to: [{service: checkout, weight: 100}]}]\n  - name: checkout\n")
	table := NewTable(set, DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready)), kube("shop", "default")))
	if got := joined(table.Load("shop")); got != "c-1 0.5, c-2 0.5" {
		t.Errorf("borrowed: %s", got)
	}
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.NotReady), pod("c-2", 2, discovery.Ready)), kube("shop", "default")))
	if got := joined(table.Load("shop")); got != "c-1 0, c-2 1" {
		t.Errorf("after one is not ready: %s", got)
	}
}

// TestNothingNew holds that the same said again publishes nothing.
func TestNothingNew(t *testing.T) {
	table := NewTable(nil, DefaultConfig())
	say := func() {
		s := kube("checkout", "default", pod("c-1", 1, discovery.Ready, "a=b"))
		s.Time, s.Version = time.Now(), fmt.Sprint(time.Now())
		table.Know(snapshot(s))
	}
	say()
	before := table.Version()
	say()
	if table.Version() != before {
		t.Error("an edition without anything new")
	}
}

// TestLoadKnown holds that no name of a service costs the path of requests any memory.
func TestLoadKnown(t *testing.T) {
	table := NewTable(ruleSet(t, checkoutRules), DefaultConfig())
	table.Know(snapshot(kube("checkout", "default", pod("c-1", 1, discovery.Ready)), kube("reviews", "default", pod("r-1", 2, discovery.Ready))))
	for _, name := range []string{"checkout", "checkout.default", "reviews", "reviews.default.svc", "Reviews.Default.", "nobody"} {
		most := 0.0
		if strings.ToLower(name) != name {
			most = 1 // of the name in small letters
		}
		if n := testing.AllocsPerRun(100, func() { table.Load(name) }); n > most {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// BenchmarkLoad finds a service by its own name and by another.
func BenchmarkLoad(b *testing.B) {
	table := NewTable(nil, DefaultConfig())
	var all []*discovery.Service
	for i := range 500 {
		all = append(all, kube(fmt.Sprintf("s%d", i), "default", pod("c-1", 1, discovery.Ready)))
	}
	table.Know(snapshot(all...))
	for _, name := range []string{"s7.default.svc.cluster.local", "s7.default", "nobody"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Load(name)
			}
		})
	}
}
