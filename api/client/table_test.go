package client

import (
	"fmt"
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
)

func named(names ...string) (list []*fairwayv1.Endpoint) {
	for _, name := range names {
		list = append(list, &fairwayv1.Endpoint{Name: name, Subset: "v1"})
	}
	return list
}

func weighted(name string, weights map[string]float64, match ...*fairwayv1.Condition) *fairwayv1.RouteWeights {
	r := &fairwayv1.RouteWeights{Name: name, Met: true, Match: match, MatchesAll: len(match) == 0}
	for e, w := range weights {
		r.Weights = append(r.Weights, &fairwayv1.EndpointWeight{Endpoint: e, Weight: w})
	}
	return r
}

// odd are messages that no daemon should send.
func odd() []*fairwayv1.ServiceWeights {
	twice := weighted("default", map[string]float64{"a": 0.5})
	twice.Weights = append(twice.Weights, twice.Weights[0], nil)
	zonal := weighted("default", map[string]float64{"a": 0.5, "b": 0.5, "c": 0})
	zonal.Zones = []*fairwayv1.ZoneWeights{nil, {Zone: "x", Weights: []*fairwayv1.EndpointWeight{{Endpoint: "a", Weight: math.NaN()}, nil}}, {Zone: "", Weights: []*fairwayv1.EndpointWeight{{Endpoint: "c", Weight: 3}, {Endpoint: "nobody", Weight: 1}}}}
	zonal.Balancing = &fairwayv1.Balancing{Algorithm: "ring_hash", TableSize: math.MaxUint32, SubsetSize: 1, Hash: []*fairwayv1.HashKey{nil, {Of: "moon"}, {Of: "header", Name: "x"}}}
	zonal.Circuit = &fairwayv1.Circuit{Connections: 1, Requests: math.MaxUint32}
	maglev := weighted("default", map[string]float64{"a": 5e-324, "b": 1e300})
	maglev.Balancing = &fairwayv1.Balancing{Algorithm: "maglev", TableSize: 1, SubsetSize: math.MaxUint32}
	return []*fairwayv1.ServiceWeights{
		{Service: "shop"},
		{Service: "shop", Endpoints: append(named("a", "", "a"), nil), Routes: []*fairwayv1.RouteWeights{twice, nil}, Ttl: durationpb.New(math.MinInt64)},
		{Service: "shop", Endpoints: named("a", "b"), Routes: []*fairwayv1.RouteWeights{weighted("default", map[string]float64{"a": math.NaN(), "b": -1, "c": 1})}},
		{Service: "shop", Endpoints: named("a", "b"), Routes: []*fairwayv1.RouteWeights{weighted("default", map[string]float64{"a": math.Inf(1), "b": math.MaxFloat64})}},
		{Service: "shop", Endpoints: named("a"), Routes: []*fairwayv1.RouteWeights{
			weighted("bad", map[string]float64{"a": 1}, &fairwayv1.Condition{Of: "header", Op: "regex", Value: "("}),
			weighted("new", map[string]float64{"a": 1}, &fairwayv1.Condition{Of: "moon", Op: "exact"}),
			weighted("default", map[string]float64{"a": 5e-324}),
		}, Loads: []*fairwayv1.EndpointLoad{nil, {Endpoint: "a", InFlight: math.NaN(), Capacity: math.Inf(-1), ServiceTime: &durationpb.Duration{Seconds: math.MaxInt64, Nanos: -1}}}},
		{Service: "shop", Endpoints: named("a", "b", "c"), Routes: []*fairwayv1.RouteWeights{zonal}},
		{Service: "shop", Endpoints: named("a", "b", "c"), Routes: []*fairwayv1.RouteWeights{maglev}},
	}
}

// checkTable asks everything of a table that a caller can.
func checkTable(t *testing.T, tb *table) {
	t.Helper()
	new(service).take(tb)
	for _, req := range []*mesh.Request{nil, {}, {SessionKey: "k", Path: "/a", Headers: map[string]string{"x": "y"}}} {
		for _, expired := range []bool{false, true} {
			tb.expired.Store(expired)
			for _, u := range []uint64{0, math.MaxUint64, 1 << 63} {
				ch := tb.pick(req, "", u)
				if (ch.Endpoint == nil) != (ch.From == Nothing) || ch.From != Nothing && !(ch.Propensity > 0 && ch.Propensity <= 1+1e-9) {
					t.Fatalf("picked %+v", ch)
				}
			}
		}
	}
	for i := range tb.routes {
		for _, s := range []share{tb.routes[i].fresh, tb.routes[i].equal} {
			sum := 0.0
			for _, w := range s.weights {
				sum += w
			}
			if len(s.weights) > 0 && math.Abs(sum-1) > 1e-6 {
				t.Fatalf("weights %v sum to %v", s.weights, sum)
			}
		}
	}
	for _, l := range tb.loads {
		a, b, c := load(l)
		for _, x := range []float64{a, b, c} {
			if x < 0 || math.IsInf(x, 0) {
				t.Fatalf("a load of %v", x)
			}
		}
	}
}

func TestOddMessages(t *testing.T) {
	whole := newTable(&fairwayv1.ServiceWeights{Service: "shop", Endpoints: named("a", "b"), Routes: []*fairwayv1.RouteWeights{weighted("default", map[string]float64{"a": 0.5, "b": 0.5})}}, 0, nil, nil)
	for i, w := range odd() {
		tb := newTable(w, 0, whole, nil)
		checkTable(t, tb)
		if ch := tb.pick(nil, "", 0); i > 0 && ch.Endpoint == nil {
			t.Errorf("message %d leaves callers without an answer", i)
		}
	}
	tb := newTable(odd()[4], 0, nil, nil)
	new(service).take(tb)
	if len(tb.unread) != 2 || tb.pick(nil, "", 0).Route.Name != "default" {
		t.Errorf("rules that are not understood: %v", tb.unread)
	}
}

// TestEmptied: a route that loses its endpoints keeps the former ones, of this
// route and no other.
func TestEmptied(t *testing.T) {
	v2 := &fairwayv1.Condition{Of: "header", Name: "End-User", Op: "exact", Value: "jason"}
	full := newTable(&fairwayv1.ServiceWeights{Service: "shop", Endpoints: named("a", "b"), Routes: []*fairwayv1.RouteWeights{
		weighted("jason", map[string]float64{"b": 1}, v2), weighted("default", map[string]float64{"a": 1}),
	}}, 0, nil, nil)
	empty := &fairwayv1.ServiceWeights{Service: "shop", Routes: []*fairwayv1.RouteWeights{weighted("jason", nil, v2), weighted("default", nil)}}
	jason := &mesh.Request{Headers: map[string]string{"end-user": "jason"}}
	for name, tb := range map[string]*table{"once": newTable(empty, 0, full, nil), "twice": newTable(empty, 0, newTable(empty, 0, full, nil), nil)} {
		new(service).take(tb)
		if ch := tb.pick(jason, "", 0); ch.Endpoint.GetName() != "b" || ch.From != Equal {
			t.Errorf("%s: jason goes to %+v", name, ch)
		}
		if ch := tb.pick(nil, "", 0); ch.Endpoint.GetName() != "a" || ch.From != Equal {
			t.Errorf("%s: others go to %+v", name, ch)
		}
	}
	tb := newTable(empty, 0, nil, staticTable("shop", []mesh.Endpoint{{Name: "s"}}))
	new(service).take(tb)
	if ch := tb.pick(nil, "", 0); ch.Endpoint.GetName() != "s" || ch.From != Static {
		t.Errorf("never any endpoint: %+v", ch)
	}
}

func FuzzServiceWeights(f *testing.F) {
	for _, w := range odd() {
		text, err := proto.Marshal(w)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var w fairwayv1.ServiceWeights
		if proto.Unmarshal(text, &w) != nil {
			return
		}
		tb := newTable(&w, 0, nil, nil)
		checkTable(t, tb)
		checkTable(t, newTable(&w, 0, tb, staticTable("shop", []mesh.Endpoint{{Name: "s"}})))
	})
}

// TestLease: the newest term counts.
func TestLease(t *testing.T) {
	var l lease
	if l.renew(-1); !l.expired.Load() {
		t.Error("no time to live, and not expired")
	}
	if l.renew(time.Hour); l.expired.Load() {
		t.Error("renewed, and expired")
	}
	l.leave()
}

func BenchmarkPick(b *testing.B) {
	c := &Client{}
	c.services.known.Store(&map[string]*service{})
	c.services.all = map[string]*service{}
	var names []string
	for range 20 {
		names = append(names, string(rune('a'+len(names))))
	}
	weights := map[string]float64{}
	for i, name := range names {
		weights[name] = float64(1 + i)
	}
	var services []string
	for i := range 1000 {
		name := "service-" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		services = append(services, name)
		s := c.services.at(name)
		s.take(newTable(&fairwayv1.ServiceWeights{Service: name, Endpoints: named(names...), Routes: []*fairwayv1.RouteWeights{weighted("default", weights)}}, 0, nil, nil))
	}
	for range 2000 { // until they are found without a lock
		c.Pick(services[0], nil)
	}
	for _, many := range []int{1, 1000} { // of 1000 in turn, each pick waits for memory
		b.Run(fmt.Sprint("of ", many), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i++; i == many {
					i = 0
				}
				if c.Pick(services[i], nil).Endpoint == nil {
					b.Fatal("no endpoint")
				}
			}
		})
	}
}
