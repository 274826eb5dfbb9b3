package haproxy

import (
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// agentAlone is an SPOE that nobody connects to, at a time that stands still.
func agentAlone(t testing.TB, table *router.Table) *SPOE {
	t.Helper()
	cfg := DefaultSPOEConfig()
	cfg.Clock = func() time.Time { return time.Unix(1000, 0) }
	s, err := NewSPOE(table, nil, nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shares are where so many requests go. set puts requests in flight before.
func shares(t *testing.T, s *SPOE, req mesh.Request, busy map[string]int64) map[string]float64 {
	t.Helper()
	const n = 20_000
	req.Service = "web"
	routes := s.table.Load("web")
	service := s.flights.fleet(routes)
	for name, k := range busy {
		service.endpoints[name].inFlight.Store(k)
	}
	got := map[string]float64{}
	for range n {
		a, to := s.choose(routes, service, &req, s.cfg.Clock())
		if name := a.Endpoints[a.Endpoint].Name; to == nil || to.name != name {
			t.Fatalf("%v for %s", to, name)
		}
		got[a.Endpoints[a.Endpoint].Name] += 1. / n
	}
	return got
}

func told(s *SPOE) { s.flights.ended.Store(s.cfg.Clock().Add(-time.Second).UnixNano()) }

func nearly(t *testing.T, what string, got map[string]float64, want ...float64) {
	t.Helper()
	for i, name := range []string{"b1", "b2", "b3"} {
		if math.Abs(got[name]-want[i]) > 0.02 {
			t.Errorf("%s: got %v; want %v", what, got, want)
			return
		}
	}
}

// TestChoose: of two the one with fewer requests in flight, within what weights and
// rules say.
func TestChoose(t *testing.T) {
	table := newTable(t)
	publish(table, 0.5, 0.3, 0.2)
	s := agentAlone(t, table)
	busy := map[string]int64{"b1": 9, "b2": 3}
	nearly(t, "nobody tells ends", shares(t, s, mesh.Request{}, busy), 0.5, 0.3, 0.2)
	told(s)
	// b1 is never the lesser of two that differ; it is met alone only where all draws
	// are b1, of which there are 1 + redraws: 0.5⁵ = 0.03.
	got := shares(t, s, mesh.Request{}, busy)
	if got["b1"] > 0.05 || got["b3"] < 0.3 {
		t.Errorf("b1 is the busiest and b3 idle: %v", got)
	}
	nearly(t, "a tie", shares(t, s, mesh.Request{}, map[string]int64{"b1": 2, "b2": 2, "b3": 2}), 0.5, 0.3, 0.2)
	publish(table, 0.5, 0.5, 0)
	if got := shares(t, s, mesh.Request{}, map[string]int64{"b1": 9, "b2": 9, "b3": 0}); got["b3"] != 0 {
		t.Errorf("an ejected endpoint gets %v", got)
	}
}

// TestChooseKeepsRules: the shares of subsets hold however busy they are, and a
// session stays where it is.
func TestChooseKeepsRules(t *testing.T) {
	s := agentAlone(t, ruledTable(t))
	told(s)
	busy := map[string]int64{"b1": 100, "b2": 0, "b3": 50}
	if got := shares(t, s, mesh.Request{}, busy); math.Abs(got["b3"]-0.1) > 0.02 || got["b1"] > 0.1 {
		t.Errorf("got %v; want a tenth for b3, and little for b1", got)
	}
	if got := shares(t, s, mesh.Request{Path: "/all"}, map[string]int64{"b1": 100, "b2": 100, "b3": 0}); got["b3"] < 0.5 {
		t.Errorf("where no rule shares requests between subsets, the idle one gets %v", got)
	}
	if got := shares(t, s, mesh.Request{SessionKey: "k"}, busy); len(got) != 1 {
		t.Errorf("one session is at %v", got)
	}
}

func TestPropensity(t *testing.T) {
	table := newTable(t)
	publish(table, 0.5, 0.3, 0.2)
	s := agentAlone(t, table)
	routes := table.Load("web")
	service, req := s.flights.fleet(routes), &mesh.Request{Service: "web"}
	if a, _ := s.choose(routes, service, req, s.cfg.Clock()); a.Propensity != routes.Weigh(req).Weights[a.Endpoint] {
		t.Errorf("a plain draw has propensity %v", a.Propensity)
	}
	told(s)
	for range 20 {
		if a, _ := s.choose(routes, service, req, s.cfg.Clock()); a.Propensity != 0 && a.Propensity != 0.5 {
			t.Errorf("of two it is %v; want 0, unknown, but where all draws were the first", a.Propensity)
		}
	}
}

// TestFlights: numbers come and go, and the oldest make room.
func TestFlights(t *testing.T) {
	table := newTable(t)
	f := newFlights(4, 100)
	service := f.fleet(table.Load("web"))
	to := service.endpoints["b1"]
	now := time.Unix(1000, 0)
	var numbers []int64
	for range 6 {
		numbers = append(numbers, f.begin(service, to, now))
	}
	if n := to.inFlight.Load(); n != 4 || f.lost.Load() != 2 {
		t.Errorf("%d in flight and %d lost; want 4 and 2", n, f.lost.Load())
	}
	for i, number := range numbers {
		if _, _, _, ok := f.end(number, now); ok != (i >= 2) {
			t.Errorf("request %d: %v", i, ok)
		}
		if _, _, _, ok := f.end(number, now); ok {
			t.Errorf("request %d ends twice", i)
		}
	}
	for _, number := range []int64{0, -1, math.MinInt64, math.MaxInt64, 100} {
		if _, _, _, ok := f.end(number, now); ok {
			t.Errorf("request %d was never made", number)
		}
	}
	if n := to.inFlight.Load(); n != 0 {
		t.Errorf("%d are left", n)
	}
	f.begin(service, to, now)
	publish(table, 0.5, 0.3, 0.2)
	if again := f.fleet(table.Load("web")).endpoints["b1"]; again != to {
		t.Error("another edition forgets what is in flight")
	}
	f.sweep(now, table)
	if to.inFlight.Load() != 1 {
		t.Error("a sweep takes what is not old enough")
	}
	f.sweep(now.Add(1), table)
	if to.inFlight.Load() != 0 {
		t.Error("a sweep leaves what is too old")
	}
	if f.told(now.Add(maturity)) || !f.told(now.Add(maturity-1)) {
		t.Error("the last end counts for its time")
	}
}

func BenchmarkChoose(b *testing.B) {
	table := newTable(b)
	publish(table, 0.5, 0.3, 0.2)
	s := agentAlone(b, table)
	s.flights.ended.Store(s.cfg.Clock().UnixNano())
	text := question(7, decideMessage, argument{"service", "web"}, argument{"method", "GET"}, argument{"path", "/x"}, argument{"host", "web"}, argument{"tracked", true})
	c := newSession(s, nil)
	b.ReportAllocs()
	for b.Loop() {
		f, _ := readFrame(string(text[4:]))
		c.take(f)
		c.out = c.out[:0]
	}
}

// TestTakeAllocates: a question costs no memory beyond the copy of its frame.
func TestTakeAllocates(t *testing.T) {
	table := ruledTable(t)
	s := agentAlone(t, table)
	text := question(7, decideMessage, argument{"service", "web"}, argument{"path", "/x"}, argument{"header.x-user", "jason"}, argument{"tracked", true})
	c := newSession(s, nil)
	n := testing.AllocsPerRun(200, func() {
		f, _ := readFrame(string(text[4:]))
		if c.take(f) != going {
			t.Fatal("refused")
		}
		c.out = c.out[:0]
	})
	if n > 1 {
		t.Errorf("%v allocations; want 1", n)
	}
}
