package router

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// bookinfo is a service of a gateway, which has no endpoints of its own.
func bookinfo(t testing.TB) *rules.Set {
	path := func(op rules.Op, value string) rules.Match {
		return rules.Match{{Of: rules.Path, Pattern: rules.Pattern{Op: op, Value: value}}}
	}
	return compiled(t, rules.Service{Name: "bookinfo.com", Routes: []rules.Route{
		{Name: "login", Match: path(rules.Exact, "/login"), To: []rules.Target{{Service: "productpage", Subset: "canary", Weight: 100}}},
		{Name: "both", Match: path(rules.Prefix, "/api"), To: []rules.Target{{Service: "productpage", Weight: 75}, {Service: "checkout", Subset: "v2", Weight: 25}}},
	}}, rules.Service{Name: "productpage",
		Endpoints: []rules.Endpoint{{Endpoint: mesh.Endpoint{Name: "p1"}, Weight: 1}, {Endpoint: mesh.Endpoint{Name: "p2", Subset: "v9"}, Weight: 1}},
		Subsets:   []rules.Subset{{Name: "canary", Labels: map[string]string{"version": "v9"}, Circuit: &rules.Circuit{Requests: 7}}},
		Routes:    []rules.Route{{Name: "mine", To: []rules.Target{{Subset: "canary", Weight: 100}}}},
	})
}

func compiled(t testing.TB, services ...rules.Service) *rules.Set {
	t.Helper()
	set, err := rules.Compile(&rules.File{Services: services})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestLoan: a service without endpoints of its own leads to those of others, by their
// policies' weights and without their rules, and follows them when they change.
func TestLoan(t *testing.T) {
	table := NewTable(bookinfo(t), DefaultConfig())
	ask := func(path string) Answer {
		return table.Load("bookinfo.com").Decide(&mesh.Request{Service: "bookinfo.com", Path: path}, 1<<62)
	}
	if got := ask("/login"); got.Subset != "productpage/canary" || got.Endpoints[got.Endpoint].Name != "p2" || got.Circuit.Requests != 7 {
		t.Errorf("/login: %+v of %v", got, got.Terms)
	}
	if got := ask("/"); got.Endpoint != -1 || got.Reason != NoEndpoints || got.Route != "default" {
		t.Errorf("/: %+v of %v", got, got.Terms)
	}
	before := ask("/api")
	if weights := byEndpoint(before); weights["p1"] != 0.5 || weights["p2"] != 0.5 {
		t.Errorf("without metrics: %v", weights)
	}

	f := frame(0, three()...)
	f.Service = "checkout"
	for i := range f.Endpoints {
		f.Endpoints[i].Subset = "v1"
	}
	f.Endpoints[2].Subset = "v2"
	d := decide(t, learnt(t), f)
	table.Publish(&d, f)
	after := ask("/api")
	if weights := byEndpoint(after); weights["p1"] != 0.375 || weights["b1"] != 0.25 || weights["a1"] != 0 {
		t.Errorf("with metrics of a lender: %v", weights)
	}
	if after.TableVersion <= before.TableVersion || after.Source != SourceRules {
		t.Errorf("version %d after %d, source %v", after.TableVersion, before.TableVersion, after.Source)
	}
	if r := table.Load("productpage").Decide(&mesh.Request{}, 0); r.Subset != "canary" || len(r.Endpoints) != 2 {
		t.Errorf("the lender's own: %+v", r)
	}

	table.Try(compiled(t, rules.Service{Name: "productpage", Endpoints: []rules.Endpoint{{Endpoint: mesh.Endpoint{Name: "p3"}, Weight: 1}}},
		rules.Service{Name: "bookinfo.com", Routes: []rules.Route{{Name: "all", To: []rules.Target{{Service: "productpage", Weight: 100}}}}}), 0.5)
	_, former, tried := table.Load("bookinfo.com").Shares()
	if len(former) == 0 || len(tried) == 0 {
		t.Errorf("shares %v, %v", former, tried)
	}
	table.Adopt()
	if got := ask("/login"); got.Route != "all" || got.Endpoints[got.Endpoint].Name != "p3" {
		t.Errorf("after the trial: %+v of %v", got, got.Terms)
	}
}

func byEndpoint(a Answer) map[string]float64 {
	list := map[string]float64{}
	for i, e := range a.Endpoints {
		list[e.Name] = a.Weights[i]
	}
	return list
}

// TestLoanOfBorrowers: who lends may itself lead elsewhere, to the borrower too, in
// whatever order the services stand.
func TestLoanOfBorrowers(t *testing.T) {
	own := func(name, to string) rules.Service {
		return rules.Service{Name: name, Endpoints: []rules.Endpoint{{Endpoint: mesh.Endpoint{Name: name + "1"}, Weight: 1}},
			Routes: []rules.Route{{Name: "on", To: []rules.Target{{Service: to, Weight: 100}}}}}
	}
	set := compiled(t, own("a", "b"), own("b", "c"), own("c", "a"))
	table := NewTable(set, DefaultConfig())
	check := func(when string) {
		t.Helper()
		for from, to := range map[string]string{"a": "b1", "b": "c1", "c": "a1"} {
			got := table.Load(from).Decide(&mesh.Request{Service: from}, 1<<62)
			if got.Endpoint < 0 || got.Endpoints[got.Endpoint].Name != to {
				t.Errorf("%s: from %s to %d of %v, want %s", when, from, got.Endpoint, got.Endpoints, to)
			}
		}
	}
	check("at first")
	table.SetRules(set)
	check("by rules anew")

	// What all three decide in one window is served at once.
	for round := range 20 {
		var made []Made
		for _, name := range []string{"a", "b", "c"} {
			f := &features.Frame{Window: mesh.Window{Service: name, Endpoints: []mesh.Endpoint{{Name: name + "1"}, {Name: name + "2"}}}}
			made = append(made, Made{&Decision{Service: name, Endpoints: f.Endpoints, Ejected: make([]bool, 2),
				Weights: mesh.Weights{float64(round % 2), float64(1 - round%2)}}, f})
		}
		table.PublishAll(made, nil)
		for from, to := range map[string]string{"a": "b", "b": "c", "c": "a"} {
			got := table.Load(from).Decide(&mesh.Request{Service: from}, 1<<62)
			if want := to + string(rune('2'-round%2)); got.Endpoint < 0 || got.Endpoints[got.Endpoint].Name != want {
				t.Fatalf("round %d: from %s to %v by %v, want %s", round, from, got.Endpoints, got.Weights, want)
			}
		}
	}
}

// TestLoanSticks: a rule's split between services is exact for requests that stick, too.
func TestLoanSticks(t *testing.T) {
	service := func(name string, endpoints ...string) rules.Service {
		s := rules.Service{Name: name}
		for _, e := range endpoints {
			s.Endpoints = append(s.Endpoints, rules.Endpoint{Endpoint: mesh.Endpoint{Name: e}, Weight: 1})
		}
		return s
	}
	for _, algorithm := range []rules.Algorithm{rules.Maglev, rules.RingHash} {
		front := rules.Service{Name: "front", Balance: rules.Balance{Algorithm: algorithm}, Routes: []rules.Route{
			{Name: "all", To: []rules.Target{{Service: "v1", Weight: 90}, {Service: "v2", Weight: 10}}},
		}}
		table := NewTable(compiled(t, front, service("v1", "a", "b"), service("v2", "c", "d")), DefaultConfig())
		r, canary := table.Load("front"), 0
		const keys = 50_000
		for i := range keys {
			if a := r.Decide(&mesh.Request{Service: "front", SessionKey: fmt.Sprint(i)}, 0); a.Subset == "v2" {
				canary++
			}
		}
		near(t, string(algorithm), float64(canary)/keys, 0.1, 0.006) // four sigma
		if got := r.Answers()[0].Targets; !slices.Equal(got, []string{"v1", "v1", "v2", "v2"}) {
			t.Errorf("targets %q", got)
		}
	}
}
