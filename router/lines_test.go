package router

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

const later = `
version: 2.0.0
services:
  - name: checkout
    endpoints:
      - {name: a1, subset: v1}
      - {name: a2, subset: v1}
      - {name: b1, subset: v2}
      - {name: c1, subset: v3}
    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v3}
      - {name: split, match: {path: {prefix: /split}}, to: [{subset: v1, weight: 50}, {subset: v2, weight: 50}]}
`

// made is a decision of the model name with these weights, on three endpoints.
func made(name string, weights ...float64) Made {
	f := frame(0, three()...)
	d := &Decision{}
	d.reset(f)
	copy(d.Weights, weights)
	d.Source, d.Policy, d.Model = SourceModel, "learned", name
	return Made{d, f}
}

// onTrial is a table whose tried line has a quarter of the requests.
func onTrial(t testing.TB, former, tried string, weights ...float64) *Table {
	t.Helper()
	table := NewTable(ruleSet(t, former), DefaultConfig())
	table.PublishAll([]Made{made("old", 0.5, 0.3, 0.2)}, nil)
	table.Try(ruleSet(t, tried), 0.25)
	table.PublishAll(nil, []Made{made("new", weights...)})
	return table
}

// TestPropensityIsOverBothLines draws many requests of each route: the endpoints
// come as often as their propensities say, and each line as often as its share.
func TestPropensityIsOverBothLines(t *testing.T) {
	for _, rules := range []string{reviews, later} {
		r := onTrial(t, reviews, rules, 0.1, 0.1, 0.8).Load("checkout")
		for _, req := range []*mesh.Request{request("/"), request("/auto"), request("/split"), request("/", "end-user", "jason")} {
			const n = 40000
			rng := rand.New(rand.NewPCG(1, 2))
			times, told, tried := map[string]float64{}, map[string]float64{}, 0.0
			for range n {
				a := r.Decide(req, rng.Uint64())
				name := a.Endpoints[a.Endpoint].Name
				times[name]++
				if p, seen := told[name]; seen && math.Abs(p-a.Propensity) > 1e-12 {
					t.Fatalf("%s has propensities %v and %v", name, p, a.Propensity)
				}
				if told[name] = a.Propensity; a.Line == Tried {
					tried++
				}
				if want := map[Line]string{Former: "old", Tried: "new"}[a.Line]; a.Model != want {
					t.Fatalf("line %q of model %q", a.Line, a.Model)
				}
			}
			near(t, "share of the tried line", tried/n, 0.25, 0.01)
			sum, weights := 0.0, map[string]float64{}
			all := r.Weigh(req)
			for i, w := range all.Weights {
				weights[all.Endpoints[i].Name] = w
			}
			for name, p := range told {
				near(t, fmt.Sprintf("%s %s drawn", req.Path, name), times[name]/n, p, 0.012)
				near(t, fmt.Sprintf("%s %s weighed", req.Path, name), weights[name], p, 1e-12)
				sum += p
			}
			near(t, "propensities", sum, 1, 1e-9)
		}
	}
}

func TestSessionsStayWithALine(t *testing.T) {
	r := onTrial(t, reviews, reviews, 0.1, 0.1, 0.8).Load("checkout")
	rng := rand.New(rand.NewPCG(1, 2))
	tried, at := 0.0, map[string]float64{}
	const n = 4000
	for k := range n {
		req := request("/auto")
		req.SessionKey = fmt.Sprint("session ", k)
		first := r.Decide(req, rng.Uint64())
		if again := r.Decide(req, rng.Uint64()); again.Line != first.Line || again.Endpoint != first.Endpoint {
			t.Fatalf("session %d: %s %d, then %s %d", k, first.Line, first.Endpoint, again.Line, again.Endpoint)
		}
		if at[first.Endpoints[first.Endpoint].Name]++; first.Line == Tried {
			tried++
		}
	}
	near(t, "share of the tried line", tried/n, 0.25, 0.03)
	near(t, "b1", at["b1"]/n, 0.75*0.2+0.25*0.8, 0.03)
}

func TestATrialEnds(t *testing.T) {
	for _, test := range []struct {
		end   func(*Table)
		model string
		rules string
	}{{(*Table).Adopt, "new", "2.0.0"}, {(*Table).Drop, "old", "1.2.3"}} {
		table := onTrial(t, reviews, later, 0.1, 0.1, 0.8)
		if share, on := table.Trial(); share != 0.25 || !on {
			t.Fatalf("trial %v %v", share, on)
		}
		changed := table.Changed()
		test.end(table)
		<-changed
		if _, on := table.Trial(); on {
			t.Error("the trial is still on")
		}
		for u := range uint64(64) {
			a := table.Load("checkout").Decide(request("/split"), u<<58)
			if a.Model != test.model || a.RulesVersion != test.rules || a.Line != Only || a.TableVersion != table.Version() {
				t.Fatalf("%+v", a)
			}
		}
		table.PublishAll([]Made{made("next", 1, 0, 0)}, []Made{made("stray", 0, 0, 1)})
		if a := table.Load("checkout").Decide(request("/split"), 0); a.Model != "next" {
			t.Errorf("after the trial: %+v", a)
		}
	}
}

// TestNothingIsTriedUndecided: a trial begins for a service with its first decision.
func TestNothingIsTriedUndecided(t *testing.T) {
	table := NewTable(ruleSet(t, reviews), DefaultConfig())
	table.PublishAll([]Made{made("old", 0.5, 0.3, 0.2)}, nil)
	table.Try(ruleSet(t, later), 0.99)
	for u := range uint64(64) {
		if a := table.Load("checkout").Decide(request("/auto"), u<<58); a.Model != "old" || a.Line != Only {
			t.Fatalf("%+v", a)
		}
	}
}

// TestTriedRulesWithoutMetrics: where nothing is ever decided, rules are tried as
// they stand; what they alone name is served too.
func TestTriedRulesWithoutMetrics(t *testing.T) {
	table := NewTable(ruleSet(t, `services: [{name: shop, endpoints: [{name: a}]}]`), DefaultConfig())
	table.Try(ruleSet(t, `services: [{name: shop, endpoints: [{name: b}]}, {name: cafe, endpoints: [{name: c}]}]`), 0.5)
	a := table.Load("shop").Weigh(&mesh.Request{})
	if diff := cmp.Diff(mesh.Weights{0.5, 0.5}, a.Weights, approx); diff != "" || a.Endpoints[0].Name != "a" || a.Endpoints[1].Name != "b" {
		t.Errorf("%v %s", a.Endpoints, diff)
	}
	for u := range uint64(64) {
		if a := table.Load("cafe").Decide(&mesh.Request{}, u<<58); a.Endpoint < 0 || a.Line != Tried || a.Propensity != 1 {
			t.Fatalf("only the tried rules know the service: %+v", a)
		}
	}
}

// TestAnswersOfATrial: routes that are the same are mixed, others are those of the
// line that has the most requests.
func TestAnswersOfATrial(t *testing.T) {
	table := onTrial(t, reviews, reviews, 0.1, 0.1, 0.8)
	a := table.Load("checkout").Answers()[2] // auto
	near(t, "b1 mixed", a.Weights[2], 0.75*0.2+0.25*0.8, 1e-12)
	table = onTrial(t, reviews, later, 0.1, 0.1, 0.8)
	if got := table.Load("checkout").Answers(); len(got) != 5 || got[0].RulesVersion != "1.2.3" {
		t.Errorf("%d answers of rules %s", len(got), got[0].RulesVersion)
	}
	table.Try(ruleSet(t, later), 0.9)
	got := table.Load("checkout").Answers()
	if rule, met := table.Load("checkout").Rule(1); len(got) != 3 || got[0].RulesVersion != "2.0.0" || rule.Name != "split" || !met {
		t.Errorf("%d answers of rules %s, then %v", len(got), got[0].RulesVersion, rule)
	}
}

// TestShares follow the routes that requests take, by an estimate of their number
// that fades, and outlive an edition.
func TestShares(t *testing.T) {
	table := onTrial(t, reviews, later, 0.1, 0.1, 0.8)
	endpoints, former, tried := table.Load("checkout").Shares()
	if len(endpoints) != 4 || len(former) != 4 || len(tried) != 4 {
		t.Fatalf("%v", endpoints)
	}
	near(t, "b1 of a request that says nothing", former[2], 1.0/3, 1e-9)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 32000 {
		table.Load("checkout").Decide(request("/", "end-user", "jason"), rng.Uint64())
	}
	table.PublishAll([]Made{made("old", 0.4, 0.4, 0.2)}, []Made{made("new", 0.1, 0.1, 0.8)})
	_, former, tried = table.Load("checkout").Shares()
	near(t, "jason's b1", former[2], 1, 0.01)
	near(t, "jason's c1", tried[3], 1, 0.01)
}

// TestOneEdition: whoever watches is woken once, however many services.
func TestOneEdition(t *testing.T) {
	table := NewTable(nil, DefaultConfig())
	one, other := made("old", 1, 0, 0), made("old", 1, 0, 0)
	other.Decision.Service, other.Frame.Service = "cart", "cart"
	table.PublishAll([]Made{one, other}, nil)
	if diff := cmp.Diff([]string{"cart", "checkout"}, table.Services()); diff != "" || table.Version() != 2 {
		t.Errorf("version %d %s", table.Version(), diff)
	}
}

func TestTrialsAllocateNothing(t *testing.T) {
	r := onTrial(t, reviews, later, 0.1, 0.1, 0.8).Load("checkout")
	req := request("/split")
	u := uint64(0)
	if n := testing.AllocsPerRun(1000, func() { r.Decide(req, u); u += 1 << 57 }); n != 0 {
		t.Errorf("a decision allocates %v times", n)
	}
}

// BenchmarkPublishAll makes the table of 10,000 endpoints, of 500 services and of one.
func BenchmarkPublishAll(b *testing.B) {
	for _, n := range []int{20, 10000} {
		b.Run(fmt.Sprintf("endpoints=%d", n), func(b *testing.B) {
			table := NewTable(nil, DefaultConfig())
			var all []Made
			for s := range 10000 / n {
				var list []seen
				for i := range n {
					list = append(list, well(fmt.Sprintf("endpoint-%05d", i), "v1"))
				}
				f := frame(0, list...)
				f.Service = fmt.Sprintf("service-%03d", s)
				d := &Decision{}
				d.reset(f)
				d.Weights.Equal()
				all = append(all, Made{d, f})
			}
			for b.Loop() {
				table.PublishAll(all, nil)
			}
		})
	}
}
