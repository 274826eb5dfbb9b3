package router

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
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
		{request("/", "end-user", "jason"), Answer{Route: "jason", Subset: "v2", Endpoint: 2, Priority: 7, Retries: 2, Timeout: time.Second, Source: SourceRules, Propensity: 1}},
		{request("/fast"), Answer{Route: "fast", Subset: "v1", Endpoint: 0, Timeout: 30 * time.Second, Source: SourceModel}},
		{request("/auto"), Answer{Route: "auto", Subset: "v1", Endpoint: 0, Timeout: 30 * time.Second, Source: SourceModel}},
		{request("/split"), Answer{Route: "split", Subset: "v1", Endpoint: 0, Timeout: 30 * time.Second, Source: SourceModel}},
		{request("/other"), Answer{Route: "default", Subset: "default", Endpoint: 0, Timeout: 30 * time.Second, Source: SourceDefault, Propensity: 1.0 / 3}},
	} {
		t.Run(test.want.Route, func(t *testing.T) {
			got := r.Decide(test.request, 0)
			if got.Propensity != got.Weights[got.Endpoint] {
				t.Errorf("propensity %v; the weights are %v", got.Propensity, got.Weights)
			}
			if test.want.Propensity != 0 {
				near(t, "propensity", got.Propensity, test.want.Propensity, 1e-12)
			}
			test.want.Propensity, test.want.Weights = got.Propensity, got.Weights
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

// TestSplitIsServed draws 100 000 requests of a 90/10 split and holds the
// counts to the weights: chi-squared, 2 degrees of freedom, p = 0.001.
func TestSplitIsServed(t *testing.T) {
	_, r := published(t, reviews, learnt(t), three()...)
	random := rand.New(rand.NewPCG(11, 12))
	const n = 100_000
	for name, ask := range map[string]func(i int) Answer{
		"random": func(int) Answer { return r.Decide(request("/split"), random.Uint64()) },
		"session": func(i int) Answer {
			q := request("/split")
			q.SessionKey = fmt.Sprint("user-", i)
			return r.Decide(q, 0)
		},
	} {
		counts, v2 := make([]float64, 3), 0.0
		var weights mesh.Weights
		for i := range n {
			a := ask(i)
			counts[a.Endpoint]++
			if weights = a.Weights; a.Subset == "v2" {
				v2++
			}
		}
		chi := 0.0
		for i, c := range counts {
			chi += (c - n*weights[i]) * (c - n*weights[i]) / (n * weights[i])
		}
		if chi > 13.82 {
			t.Errorf("%s: counts %v for weights %v: chi-squared %v", name, counts, weights, chi)
		}
		near(t, name+": share of v2", v2/n, 0.1, 0.004)
	}
}

func TestSessionsStick(t *testing.T) {
	_, r := published(t, "", learnt(t), six()...)
	list := six()
	list[0] = list[0].down()
	_, after := published(t, "", Eject(learnt(t), nil, DefaultConfig()), list...)
	moved, kept := 0, 0
	for i := range 2000 {
		q := request("/")
		q.SessionKey = fmt.Sprint("user-", i)
		a := r.Decide(q, uint64(i)*0x9e3779b97f4a7c15)
		if again := r.Decide(q, 7); again.Endpoint != a.Endpoint {
			t.Fatal("a session moved under the same weights")
		}
		near(t, "propensity", a.Propensity, r.Decide(request("/"), 0).Weights[a.Endpoint], 0)
		b := after.Decide(q, 0)
		switch {
		case b.Endpoint == 0:
			t.Fatal("a session stuck to an ejected endpoint")
		case a.Endpoint == 0:
		case a.Endpoint == b.Endpoint:
			kept++
		default:
			moved++
		}
	}
	if moved > kept/20 {
		t.Errorf("%d of %d sessions moved although their endpoint stayed", moved, moved+kept)
	}
}

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

func TestVersionsAndChanges(t *testing.T) {
	table := NewTable(ruleSet(t, reviews), DefaultConfig())
	if table.Version() != 1 {
		t.Fatalf("version %d", table.Version())
	}
	before, changed := table.Load("checkout"), table.Changed()
	select {
	case <-changed:
		t.Fatal("changed before a change")
	default:
	}
	f := frame(0, three()...)
	d := decide(t, RoundRobin(), f)
	table.Publish(&d, f)
	<-changed
	d.Weights[0], f.Endpoints[0].Name = 99, "x" // the table has its own copy
	after := table.Load("checkout")
	if after.Version != 2 || table.Version() != 2 || before.Version != 1 || after.Decision.Weights[0] == 99 || after.Frame.Endpoints[0].Name != "a1" {
		t.Errorf("versions %d, %d, %d", before.Version, after.Version, table.Version())
	}
	changed = table.Changed()
	table.SetRules(nil)
	<-changed
	if got := table.Load("checkout").Decide(request("/", "end-user", "jason"), 0); got.Route != "default" || got.Policy != "round_robin" || got.RulesVersion != "" {
		t.Errorf("without rules: %+v", got)
	}
	var routes []string
	table.SetRules(ruleSet(t, reviews))
	for _, a := range table.Load("checkout").Answers() {
		routes = append(routes, a.Route)
	}
	if diff := cmp.Diff([]string{"jason", "fast", "auto", "split", "default"}, routes); diff != "" {
		t.Error(diff)
	}
}

// TestReadersSeeWholeEditions decides while others publish; run it with -race.
func TestReadersSeeWholeEditions(t *testing.T) {
	table := NewTable(ruleSet(t, reviews), DefaultConfig())
	var readers sync.WaitGroup
	for seed := range uint64(3) {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 3000 {
				routes := table.Load("checkout")
				a := routes.Decide(request("/split"), r.Uint64())
				if a.TableVersion != routes.Version || a.Endpoint < 0 || len(a.Weights) != len(routes.Endpoints) {
					t.Errorf("half an edition: %+v", a)
					return
				}
			}
		})
	}
	for k := range 200 {
		f := frame(k, three()...)
		d := decide(t, RoundRobin(), f)
		table.Publish(&d, f)
	}
	readers.Wait()
}

func TestDecideDoesNotAllocate(t *testing.T) {
	table, _ := published(t, reviews, learnt(t), three()...)
	sticky := request("/auto")
	sticky.SessionKey = "user-1"
	u := uint64(0)
	for _, q := range []*mesh.Request{request("/split"), request("/other"), request("/", "end-user", "jason"), sticky} {
		if n := testing.AllocsPerRun(1000, func() {
			u += 0x9e3779b97f4a7c15
			if table.Load(q.Service).Decide(q, u).Endpoint < 0 {
				t.Fatal("no endpoint")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per decision; want 0", q.Path, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	table, _ := published(b, reviews, learnt(b), three()...)
	sticky := request("/split")
	sticky.SessionKey = "user-1"
	for name, q := range map[string]*mesh.Request{"split": request("/split"), "session": sticky} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			u := uint64(0)
			for b.Loop() {
				u += 0x9e3779b97f4a7c15
				table.Load("checkout").Decide(q, u)
			}
		})
	}
}

func BenchmarkPublish(b *testing.B) {
	table, _ := published(b, reviews, learnt(b), three()...)
	f := frame(1, three()...)
	d := decide(b, learnt(b), f)
	b.ReportAllocs()
	for b.Loop() {
		table.Publish(&d, f)
	}
}
