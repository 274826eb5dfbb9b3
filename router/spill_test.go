package router

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// zoneNames are those of tests; the last place is of zones that are not known.
var zoneNames = []string{"a", "b", "c"}

func TestFlow(t *testing.T) {
	third := []float64{1.0 / 3, 1.0 / 3, 1.0 / 3, 0}
	order := &rules.Spill{Order: map[string][]string{"a": {"c", "b"}, "b": {"c"}}}
	for _, test := range []struct {
		name                   string
		spill                  *rules.Spill
		demand, weights, limit []float64
		want                   [][]float64 // rows of a, b, c
	}{
		{"all at home while there is room", &rules.Spill{}, third, third, []float64{0.4, 0.4, 0.4, 0},
			[][]float64{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}},
		// istio#50727: a is hot and the others are idle.
		{"a hot zone spills to idle ones", &rules.Spill{}, []float64{1, 0, 0, 0}, third, []float64{0.5, 0.5, 0.5, 0},
			[][]float64{{0.5, 0.25, 0.25, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}},
		{"in the order of the rules", order, []float64{1, 0, 0, 0}, third, []float64{0.5, 0.5, 0.3, 0},
			[][]float64{{0.5, 0.2, 0.3, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}},
		{"two compete for the room of one", order, []float64{0.6, 0.3, 0.1, 0}, third, []float64{0.4, 0.2, 0.25, 0},
			// a has 0.2 over and b 0.1, c has room for 0.15 beside its own: 2/3 of it a's.
			// For the rest, 0.15, there is no room: it goes by weight.
			[][]float64{
				{0.4/0.6 + 0.1/3/0.6, 0.1 / 3 / 0.6, 0.1/0.6 + 0.1/3/0.6, 0},
				{0.05 / 3 / 0.3, 0.2/0.3 + 0.05/3/0.3, 0.05/0.3 + 0.05/3/0.3, 0}, {0, 0, 1, 0}}},
		{"all of a zone ejected", order, []float64{0.5, 0.5, 0, 0}, []float64{0, 0.5, 0.5, 0}, []float64{0, 0.6, 0.6, 0},
			[][]float64{{0, 0, 1, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}},
		{"no room anywhere", &rules.Spill{}, third, []float64{0.2, 0.3, 0.5, 0}, []float64{0, 0, 0, 0},
			[][]float64{{0.2, 0.3, 0.5, 0}, {0.2, 0.3, 0.5, 0}, {0.2, 0.3, 0.5, 0}}},
		{"callers of unknown zones take room", &rules.Spill{}, []float64{0.5, 0, 0, 0.5}, []float64{0.6, 0.2, 0.2, 0}, []float64{0.6, 0.4, 0.4, 0},
			[][]float64{{0.6, 0.2, 0.2, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}},
		{"a split binds, of the zones that are open", &rules.Spill{Split: map[string]map[string]float64{"a": {"a": 60, "b": 20, "c": 20}, "c": {"b": 100}}},
			third, []float64{0.5, 0, 0.5, 0}, []float64{1, 0, 1, 0},
			[][]float64{{0.75, 0, 0.25, 0}, {0.5625, 0, 0.4375, 0}, {0, 0, 1, 0}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFlow(test.spill, zoneNames, test.demand, test.weights, test.limit)
			slack := cmp.Comparer(func(x, y float64) bool { return math.Abs(x-y) < 0.005 })
			if diff := cmp.Diff(test.want, f.to[:3], slack); diff != "" {
				t.Error(diff)
			}
		})
	}
	// What is left of sums that cancel out is nobody's part.
	split := &rules.Spill{Split: map[string]map[string]float64{"b": {"b": 70, "c": 30}}}
	if f := newFlow(split, zoneNames, third, third, []float64{math.Nextafter(third[0], 1), third[1], third[2], 0}); f.to[2][0] != 0 || f.to[2][3] != 0 {
		t.Errorf("%v of zone c goes to a", f.to[2])
	}
}

// TestFlowPromises: whatever the demand, all requests of a zone go somewhere; no zone is
// filled beyond its room while all fit, and nobody leaves a zone that has room.
func TestFlowPromises(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	some := func(empty int) []float64 {
		row := make([]float64, 4)
		for i := range 3 {
			row[i] = r.ExpFloat64()
			if r.IntN(4) < empty {
				row[i] = 0
			}
		}
		if row[0]+row[1]+row[2] == 0 {
			row[1] = 1
		}
		normalize(row)
		return row
	}
	for range 2000 {
		demand, weights := some(1), some(1)
		limit, much := make([]float64, 4), 0.6+r.Float64()
		for y := range limit {
			limit[y] = weights[y] * much
		}
		order := map[string][]string{"a": {"b"}, "b": {"c", "a"}, "c": {"nowhere", "a"}}
		f := newFlow(&rules.Spill{Order: order}, zoneNames, demand, weights, limit)
		got := make([]float64, 4)
		for z := range f.to {
			sum := 0.0
			for y, part := range f.to[z] {
				if sum += part; part < 0 || part > 0 && weights[y] == 0 {
					t.Fatalf("row %v at weights %v", f.to[z], weights)
				}
				got[y] += demand[z] * part
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Fatalf("row %v sums to %v", f.to[z], sum)
			}
		}
		for y, n := range got {
			const slack = 4 * leastDemand
			if much > 1+slack && n > limit[y]+slack {
				t.Fatalf("zone %d gets %v, has room for %v; demand %v, limits %v", y, n, limit[y], demand, limit)
			}
			if y < 3 && demand[y] < limit[y]-slack && demand[y] > slack && f.to[y][y] < 1-1e-9 {
				t.Fatalf("zone %d has room and sends %v away", y, 1-f.to[y][y])
			}
		}
	}
}

// TestOrigins: what comes to the zones tells where it came from, also while a part of it
// spills.
func TestOrigins(t *testing.T) {
	third := []float64{1.0 / 3, 1.0 / 3, 1.0 / 3, 0}
	limit := []float64{0.4, 0.4, 0.4, 0}
	truth, demand := []float64{0.7, 0.2, 0.1, 0}, slices.Clone(third)
	for range 60 {
		f := newFlow(&rules.Spill{}, zoneNames, demand, third, limit)
		load := make([]float64, 4)
		for z, part := range truth {
			for y := range load {
				load[y] += part * f.to[z][y]
			}
		}
		next := make([]float64, 4)
		f.origins(next, demand, load)
		demand = next
	}
	for z := range truth {
		near(t, fmt.Sprint("demand of zone ", z), demand[z], truth[z], 0.05)
	}
}

const spilling = `
services:
  - name: checkout
    locality: {spill: {at: 0.8}}
`

// zonal is the k-th window of four endpoints in each of the zones a and b that answer
// 100 requests/s each, and what Static decides of it.
func zonal(t *testing.T, table *Table, p Policy, k int, rate float64, change func([]seen)) *Routes {
	t.Helper()
	var list []seen
	for i := range 8 {
		e := well(fmt.Sprintf("%c%d", "ab"[i/4], i%4), "")
		e.rate = rate / 8
		list = append(list, e)
	}
	if change != nil {
		change(list)
	}
	f := frame(k, list...)
	for i := range f.Endpoints {
		f.Endpoints[i].Zone = f.Endpoints[i].Name[:1]
	}
	d := decide(t, p, f)
	table.Publish(&d, f)
	return table.Load("checkout")
}

func from(zone string) *mesh.Request {
	return &mesh.Request{Service: "checkout", Source: mesh.Source{Zone: zone}}
}

// awayFrom is the part of the requests of zone a that goes to b.
func awayFrom(r *Routes) (sum float64) {
	for i, w := range r.Weigh(from("a")).Weights {
		if r.Endpoints[i].Zone == "b" {
			sum += w
		}
	}
	return sum
}

// ask asks for n decisions from a zone, and holds what is told to what is drawn.
func ask(t *testing.T, r *Routes, zone string, n int) {
	t.Helper()
	u := uint64(0)
	counts := make([]float64, len(r.Endpoints))
	for range n {
		u += 0x9e3779b97f4a7c15
		a := r.Decide(from(zone), u)
		counts[a.Endpoint]++
		if a.Propensity != a.Weights[a.Endpoint] {
			t.Fatalf("propensity %v of a weight of %v", a.Propensity, a.Weights[a.Endpoint])
		}
	}
	for i, w := range r.Weigh(from(zone)).Weights {
		near(t, "share of "+r.Endpoints[i].Name, counts[i]/float64(n), w, 0.02)
	}
}

func TestSpillFollowsTheCallers(t *testing.T) {
	table := NewTable(ruleSet(t, spilling), DefaultConfig())
	r := zonal(t, table, RoundRobin(), 0, 400, nil)
	near(t, "away, nobody having asked", awayFrom(r), 0, 1e-9)
	for k := range 3 { // all callers are in a: 400 requests/s, a has room for 320
		ask(t, r, "a", 8000)
		r = zonal(t, table, RoundRobin(), k+1, 400, nil)
	}
	near(t, "away, all callers in a", awayFrom(r), 0.2, 0.01)
	_, one, _ := r.Shares()
	near(t, "what a0 gets of all", one[0], 0.8/4, 0.01)
	r = zonal(t, table, RoundRobin(), 9, 1200, nil) // more than both can do
	near(t, "away, at 150 %", awayFrom(r), 0.5, 0.02)
	r = zonal(t, table, RoundRobin(), 10, 80, nil)
	near(t, "away, idle", awayFrom(r), 0, 1e-9)
	near(t, "others", r.Weigh(from("elsewhere")).Weights[0], 1.0/8, 1e-9)
	if zones := r.Zones(0); len(zones) != 2 || zones[0].Zone != "a" || zones[1].Weights[7] != 0.25 {
		t.Errorf("zones %v", zones)
	}
}

// TestSpillWithoutDecisions: clients that only watch ask nothing; where the load comes
// to tells where it comes from.
func TestSpillWithoutDecisions(t *testing.T) {
	table := NewTable(ruleSet(t, spilling), DefaultConfig())
	away := 0.0
	for k := range 12 {
		r := zonal(t, table, RoundRobin(), k, 400, func(list []seen) {
			for i := range list {
				list[i].rate = 400 * []float64{1 - away, away}[i/4] / 4
			}
		})
		away = awayFrom(r)
	}
	near(t, "away, all callers in a", away, 0.2, 0.02)
}

// TestSpillWithoutCapacities: nothing is known of what endpoints can do; a zone takes
// its share.
func TestSpillWithoutCapacities(t *testing.T) {
	table := NewTable(ruleSet(t, spilling), DefaultConfig())
	unknown := func(list []seen) {
		for i := range list {
			list[i].capacity = nan
		}
	}
	r := zonal(t, table, RoundRobin(), 0, 400, unknown)
	ask(t, r, "a", 8000)
	near(t, "away", awayFrom(zonal(t, table, RoundRobin(), 1, 400, unknown)), 0.5, 0.01)
}

// TestSpillOfEjected: a zone with all ejected spills wholly; in a panic it keeps what it
// has.
func TestSpillOfEjected(t *testing.T) {
	table := NewTable(ruleSet(t, spilling+"    limits: {max_ejection: 0.5}\n"), DefaultConfig())
	cfg := DefaultConfig()
	cfg.Rules = table.Rules()
	p := Eject(RoundRobin(), nil, cfg)
	down := func(n int) func([]seen) {
		return func(list []seen) {
			for i := range n {
				list[i] = list[i].down()
			}
		}
	}
	r := zonal(t, table, p, 0, 80, down(4))
	near(t, "away, all of a down", awayFrom(r), 1, 1e-9)
	ask(t, r, "a", 4000)
	r = zonal(t, table, p, 1, 80, down(5)) // a panic
	near(t, "away, in a panic", awayFrom(r), 0, 1e-9)
	if r.Decision.Ejected[0] {
		t.Error("a0 is ejected in a panic")
	}
}

// TestSpillKeepsASplit: what a rule gives to a subset stays, though it is in another
// zone.
func TestSpillKeepsASplit(t *testing.T) {
	set := ruleSet(t, `
services:
  - name: checkout
    locality: {spill: {}}
    endpoints:
      - {name: a0, zone: a, subset: v1}
      - {name: b0, zone: b, subset: v1}
      - {name: b1, zone: b, subset: v2}
    routes: [{name: split, to: [{subset: v1, weight: 90}, {subset: v2, weight: 10}]}]
`)
	r := NewTable(set, DefaultConfig()).Load("checkout")
	if diff := cmp.Diff([]float64{0.9, 0, 0.1}, []float64(r.Weigh(from("a")).Weights), approx); diff != "" {
		t.Error(diff)
	}
}

// TestParts: places lead back to the route, though zones and tables of keys have places
// of their own, and tell which endpoints share what a rule binds.
func TestParts(t *testing.T) {
	r := NewTable(ruleSet(t, `
services:
  - name: checkout
    locality: {spill: {}}
    balance: {algorithm: maglev, hash: [{cookie: sid}]}
    endpoints:
      - {name: a0, zone: a, subset: v1}
      - {name: b0, zone: b, subset: v1}
      - {name: b1, zone: b, subset: v2}
      - {name: c0}
    routes:
      - {name: split, match: {path: /split}, to: [{subset: v2, weight: 10}, {subset: v1, weight: 90}]}
      - {name: all, match: {path: /all}}
      - {name: one, match: {path: /one}, to: v2}
`), DefaultConfig()).Load("checkout")
	for path, want := range map[string]struct {
		which   int
		part    []int
		subsets []string
	}{
		"/split": {0, []int{1, 1, 0, -1}, []string{"v1", "v1", "v2", ""}},
		"/all":   {1, []int{0, 0, 0, 0}, []string{"v1", "v1", "v2", ""}},
		"/one":   {2, []int{-1, -1, 0, -1}, []string{"v2", "v2", "v2", "v2"}},
		"/":      {3, []int{0, 0, 0, 0}, []string{"default", "default", "default", "default"}},
	} {
		for _, zone := range []string{"", "a", "b"} {
			for _, headers := range []map[string]string{nil, {"cookie": "sid=1"}} {
				req := from(zone)
				req.Path, req.Headers = path, headers
				a := r.Decide(req, 1<<62)
				part, subsets := r.Parts(a.Place)
				if got := r.Which(a.Place); got != want.which {
					t.Errorf("%s from %q with %v: answer %d; want %d", path, zone, headers, got, want.which)
				}
				if diff := cmp.Diff(want.part, part); diff != "" {
					t.Errorf("%s: parts %s", path, diff)
				}
				if diff := cmp.Diff(want.subsets, subsets); diff != "" {
					t.Errorf("%s: subsets %s", path, diff)
				}
			}
		}
	}
}

// TestSpillOnTrial: both lines have their zones, and what is told is the mixture.
func TestSpillOnTrial(t *testing.T) {
	table := NewTable(ruleSet(t, spilling), DefaultConfig())
	zonal(t, table, RoundRobin(), 0, 80, nil)
	table.Try(ruleSet(t, "services: [{name: checkout}]"), 0.5)
	f := table.Load("checkout").Frame
	d := decide(t, RoundRobin(), f)
	table.PublishAll(nil, []Made{{&d, f}})
	r := table.Load("checkout")
	near(t, "away", awayFrom(r), 0.25, 1e-9)
	if zones := r.Zones(0); len(zones) != 2 || math.Abs(zones[0].Weights[0]-0.5*0.25-0.5*0.125) > 1e-9 {
		t.Errorf("zones %v", zones)
	}
	a := r.Decide(from("a"), 7)
	near(t, "propensity", a.Propensity, r.Weigh(from("a")).Weights[a.Endpoint], 1e-9)
}

func TestDecideFromZonesDoesNotAllocate(t *testing.T) {
	table := NewTable(ruleSet(t, spilling), DefaultConfig())
	r := zonal(t, table, RoundRobin(), 0, 80, nil)
	for _, zone := range []string{"a", "", "elsewhere"} {
		q, u := from(zone), uint64(0)
		if n := testing.AllocsPerRun(1000, func() { u += 0x9e3779b97f4a7c15; r.Decide(q, u) }); n != 0 {
			t.Errorf("zone %q: %v allocations", zone, n)
		}
	}
}

// TestSplitIsTold: who chooses among endpoints is told where a rule shares the requests,
// in each zone and for each key too.
func TestSplitIsTold(t *testing.T) {
	set := compiled(t, rules.Service{Name: "checkout",
		Balance:  rules.Balance{Algorithm: rules.RingHash, Hash: []rules.HashKey{{Of: rules.HashHeader, Name: "x-user"}}},
		Locality: rules.Locality{Spill: &rules.Spill{}},
		Endpoints: []rules.Endpoint{
			{Endpoint: mesh.Endpoint{Name: "a1", Subset: "v1", Zone: "a"}, Weight: 1}, {Endpoint: mesh.Endpoint{Name: "b1", Subset: "v2", Zone: "b"}, Weight: 1},
		},
		Routes: []rules.Route{
			{Name: "one", Match: rules.Match{{Of: rules.Path, Pattern: rules.Pattern{Value: "/one"}}}, To: []rules.Target{{Subset: "v1", Weight: 100}}},
			{Name: "two", To: []rules.Target{{Subset: "v1", Weight: 90}, {Subset: "v2", Weight: 10}}},
		},
	})
	r := NewTable(set, DefaultConfig()).Load("checkout")
	for _, zone := range []string{"", "a", "b"} {
		for _, user := range []string{"", "u"} {
			for path, want := range map[string]bool{"/one": false, "/": true} {
				got := r.Decide(&mesh.Request{Service: "checkout", Path: path, Headers: map[string]string{"x-user": user}, Source: mesh.Source{Zone: zone}}, 1<<62)
				if got.Split != want || want != (got.Route == "two") {
					t.Errorf("%s of %q from zone %q: route %s, split %v", path, user, zone, got.Route, got.Split)
				}
			}
		}
	}
}

// TestMeasureOfTwoServices: an endpoint that two services have is measured by the window
// of whose routes these are.
func TestMeasureOfTwoServices(t *testing.T) {
	own, other := frame(0, seen{name: "x", rate: 5, mean: 0.1, capacity: 10, up: 1}), frame(0, seen{name: "x", rate: 50, mean: 0.1, capacity: 20, up: 1})
	for range 64 { // in whatever order the loans come
		r := &Routes{Endpoints: []mesh.Endpoint{{Name: "x"}}, Frame: own, Decision: &Decision{}, callers: &callers{},
			loans: map[string]*loan{"": {frame: own}, "a": {frame: other}, "b": {frame: other}}}
		if r.measure(); r.callers.rates[0] != 5 {
			t.Fatalf("rate %v, want 5", r.callers.rates)
		}
	}
}
