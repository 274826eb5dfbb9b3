package router

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestCriteriaAreReadFromTheRoutesOwnEndpoints(t *testing.T) {
	list := three() // p99 is three times the mean: 60 ms and 120 ms, weighted 90 ms
	_, r := published(t, reviews, RoundRobin(), list...)
	if got := r.Decide(request("/fast"), 0).Route; got != "fast" {
		t.Errorf("route %q; p99 of v1 is 90 ms", got)
	}
	list[2] = list[2].slow(100) // v2 does not matter
	_, r = published(t, reviews, RoundRobin(), list...)
	if got := r.Decide(request("/fast"), 0).Route; got != "fast" {
		t.Errorf("route %q; p99 of v1 is still 90 ms", got)
	}
	list[0] = list[0].slow(2)
	_, r = published(t, reviews, RoundRobin(), list...)
	if got := r.Decide(request("/fast"), 0).Route; got != "default" {
		t.Errorf("route %q; p99 of v1 is 120 ms", got)
	}
	if steps := r.Explain(request("/fast")); !strings.Contains(steps[1].Why, "criteria not met") {
		t.Errorf("explained as %v", steps)
	}
}

func TestEmptySubsets(t *testing.T) {
	const text = `
services:
  - name: checkout
    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v3}
      - {name: split, to: [{subset: v1, weight: 90}, {subset: v3, weight: 10}]}
`
	_, r := published(t, text, RoundRobin(), well("a", "v1"), well("b", "v1"))
	got := r.Decide(request("/"), 0)
	if diff := cmp.Diff(mesh.Weights{0.5, 0.5}, got.Weights, approx); diff != "" || got.Reason != "" {
		t.Errorf("the others take it over: %s, reason %q", diff, got.Reason)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, `route "split": no endpoint in subset "v3"; its 10 %`) {
		t.Errorf("notes %q", notes)
	}
	got = r.Decide(request("/", "end-user", "jason"), 0)
	if got.Endpoint != -1 || got.Reason != NoEndpoints || got.Route != "jason" {
		t.Errorf("nothing is left: %+v", got)
	}
}

// TestARuleBindsOverAnEjection: a subset all of whose endpoints are ejected
// still gets what its rule says; everybody else avoids them.
func TestARuleBindsOverAnEjection(t *testing.T) {
	list := three()
	list[2] = list[2].down()
	_, r := published(t, reviews, Eject(RoundRobin(), nil, DefaultConfig()), list...)
	if got := r.Decide(request("/", "end-user", "jason"), 0); got.Endpoint != 2 {
		t.Errorf("jason goes to %d", got.Endpoint)
	}
	for _, path := range []string{"/auto", "/other"} {
		if got := r.Decide(request(path), 0); got.Weights[2] != 0 {
			t.Errorf("%s gives the ejected endpoint %v", path, got.Weights[2])
		}
	}
	if !strings.Contains(strings.Join(r.Notes, "\n"), `route "jason": all endpoints of subset "v2" are ejected`) {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestBeforeTheFirstWindow(t *testing.T) {
	table := NewTable(ruleSet(t, `services: [{name: shop, endpoints: [{name: a, weight: 3}, {name: b}]}]`), DefaultConfig())
	got := table.Load("shop").Decide(request("/"), 0)
	if diff := cmp.Diff(mesh.Weights{0.75, 0.25}, got.Weights, approx); diff != "" {
		t.Error(diff)
	}
	if got.Source != SourceRules || got.Reason != WarmUp || got.Policy != "static" || !got.Decided.IsZero() {
		t.Errorf("%+v", got)
	}
	for _, empty := range []*Table{table, NewTable(nil, DefaultConfig())} {
		got = empty.Load("nobody").Decide(request("/"), 0)
		if got.Endpoint != -1 || got.Reason != NoEndpoints || got.Route != "default" || got.Subset != "default" || got.Timeout != 30*time.Second || got.Source != SourceDefault {
			t.Errorf("an unknown service: %+v", got)
		}
	}
	if diff := cmp.Diff([]string{"shop"}, table.Services()); diff != "" {
		t.Error(diff)
	}
}

func TestEndpointsThatOnlyTheRulesKnow(t *testing.T) {
	_, r := published(t, reviews, RoundRobin(), well("a1", "v9"), well("z", "v1"))
	names := []string{}
	for _, e := range r.Endpoints {
		names = append(names, e.Name+" "+e.Subset)
	}
	if diff := cmp.Diff([]string{"a1 v9", "a2 v1", "b1 v2", "z v1"}, names); diff != "" {
		t.Error(diff) // the metrics know better where a1 is
	}
	if w := r.Decide(request("/auto"), 0).Weights; w[0] != 0 || w[1] != w[2] || w[2] != w[3] {
		t.Errorf("weights %v; want the mean of the peers for a2 and b1", w)
	}
}
