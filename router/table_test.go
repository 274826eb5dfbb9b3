package router

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

const reviews = `
version: 1.2.3
services:
  - name: checkout
    endpoints:
      - {name: a1, address: "127.0.0.1:9001", subset: v1, zone: za}
      - {name: a2, address: "127.0.0.1:9002", subset: v1, zone: zb}
      - {name: b1, address: "127.0.0.1:9003", subset: v2, zone: za}
    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v2, timeout: 1s, priority: 7, retries: 2}
      - name: fast
        match: {path: {prefix: /fast}}
        criteria: {p99: <100ms}
        to: v1
      - {name: auto, match: {path: {prefix: /auto}}, to: [{subset: v1, weight: auto}, {subset: v2, weight: auto}]}
      - name: split
        match: {path: {prefix: /split}}
        to: [{subset: v1, weight: 90}, {subset: v2, weight: 10}]
`

// three are the endpoints of reviews, a2 twice as slow, as the metrics show
// them: without addresses.
func three() []seen {
	return []seen{well("a1", ""), well("a2", "").slow(2), well("b1", "")}
}

func published(t testing.TB, text string, p Policy, list ...seen) (*Table, *Routes) {
	t.Helper()
	table := NewTable(ruleSet(t, text), DefaultConfig())
	f := frame(0, list...)
	d := decide(t, p, f)
	table.Publish(&d, f)
	return table, table.Load("checkout")
}

func request(path string, pairs ...string) *mesh.Request {
	r := &mesh.Request{Service: "checkout", Path: path, Method: "GET", Headers: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		r.Headers[pairs[i]] = pairs[i+1]
	}
	return r
}

func TestDecideRequests(t *testing.T) {
	_, r := published(t, reviews, learnt(t), three()...)
	want := mesh.Endpoint{Name: "b1", Address: "127.0.0.1:9003", Subset: "v2", Zone: "za"}
	if diff := cmp.Diff(want, r.Endpoints[2]); diff != "" {
		t.Errorf("endpoint joined with the rules: %s", diff)
	}
	for _, test := range []struct {
		request *mesh.Request
		want    Answer // of the endpoint with u = 0
	}{
		{request("/", "end-user", "jason"), Answer{Terms: &Terms{Route: "jason", Priority: 7, Retries: 2, Timeout: time.Second, Source: SourceRules}, Subset: "v2", Endpoint: 2, Propensity: 1}},
		{request("/fast"), Answer{Terms: &Terms{Route: "fast", Timeout: 30 * time.Second, Source: SourceModel}, Subset: "v1", Endpoint: 0}},
		{request("/auto"), Answer{Terms: &Terms{Route: "auto", Split: true, Timeout: 30 * time.Second, Source: SourceModel}, Subset: "v1", Endpoint: 0}},
		{request("/split"), Answer{Terms: &Terms{Route: "split", Split: true, Timeout: 30 * time.Second, Source: SourceModel}, Subset: "v1", Endpoint: 0}},
		{request("/other"), Answer{Terms: &Terms{Route: "default", Timeout: 30 * time.Second, Source: SourceDefault}, Subset: "default", Endpoint: 0, Propensity: 1.0 / 3}},
	} {
		t.Run(test.want.Route, func(t *testing.T) {
			got := r.Decide(test.request, 0)
			if got.Propensity != got.Weights[got.Endpoint] {
				t.Errorf("propensity %v; the weights are %v", got.Propensity, got.Weights)
			}
			if test.want.Propensity != 0 {
				near(t, "propensity", got.Propensity, test.want.Propensity, 1e-12)
			}
			test.want.Propensity, test.want.Weights, test.want.Endpoints = got.Propensity, got.Weights, r.Endpoints
			test.want.Place = got.Place
			test.want.Balance, test.want.Circuit = &rules.Balance{}, &rules.Circuit{}
			test.want.Policy, test.want.Model, test.want.RulesVersion, test.want.TableVersion = "learned", "formula@3", "1.2.3", 2
			test.want.MetricsTime, test.want.Decided, test.want.TTL = epoch.Add(-2*time.Second), epoch, 10*time.Second
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if err := got.Weights.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRulesBindWhateverTheModelSays: the model wants no traffic on b1, and yet
// jason goes there, and a tenth of the split.
func TestRulesBindWhateverTheModelSays(t *testing.T) {
	list := three()
	list[2] = list[2].slow(40)
	_, r := published(t, reviews, learnt(t), list...)
	inner := r.Decide(request("/auto"), 0).Weights
	if inner[2] > 0.05 {
		t.Fatalf("the model gives b1 %v; this test wants it to dislike b1", inner[2])
	}
	if got := r.Decide(request("/", "end-user", "jason"), 1<<63); got.Endpoint != 2 || got.Propensity != 1 {
		t.Errorf("jason goes to %d with %v", got.Endpoint, got.Propensity)
	}
	split := r.Decide(request("/split"), 0).Weights
	near(t, "share of v2", split[2], 0.1, 1e-12)
	near(t, "inside v1", split[0]/split[1], inner[0]/inner[1], 1e-9)
	if split[0] < split[1]*1.2 {
		t.Errorf("inside v1 %v; want them to follow the model", split[:2])
	}
}
