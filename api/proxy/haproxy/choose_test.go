package haproxy

import (
	"fmt"
	"math"
	"strings"
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

// TestChoose: where the drawn endpoint is busy, the one with the least in flight for its
// weight.
func TestChoose(t *testing.T) {
	table := newTable(t)
	publish(table, 0.5, 0.3, 0.2)
	s := agentAlone(t, table)
	for _, c := range []struct {
		name       string
		b1, b2, b3 int64
		want       []float64
	}{
		{"idle ones are drawn", 0, 0, 0, []float64{0.5, 0.3, 0.2}},
		{"an idle one is not left for a better one", 0, 0, 9, []float64{0.7, 0.3, 0}}, // 1/0.5 is least
		{"by weight, 10/0.5, 4/0.3 and 1/0.2", 9, 3, 0, []float64{0, 0, 1}},
		{"as many, 3/0.5 is least", 2, 2, 2, []float64{1, 0, 0}},
		{"as much for their weights: each draw stands", 4, 2, 1, []float64{0.5, 0.3, 0.2}},
	} {
		busy := map[string]int64{"b1": c.b1, "b2": c.b2, "b3": c.b3}
		s.flights.ended.Store(0)
		nearly(t, c.name+", but nobody tells ends", shares(t, s, mesh.Request{}, busy), 0.5, 0.3, 0.2)
		told(s)
		nearly(t, c.name, shares(t, s, mesh.Request{}, busy), c.want...)
	}
	publish(table, 0.5, 0.5, 0)
	if got := shares(t, s, mesh.Request{}, map[string]int64{"b1": 9, "b2": 9, "b3": 0}); got["b3"] != 0 {
		t.Errorf("an ejected endpoint gets %v", got)
	}
}

// TestChooseKeepsRules: the shares of subsets hold however busy they are, inside one the
// idle endpoint is taken, an answer names the subset that its rule does, and a session
// stays where it is.
func TestChooseKeepsRules(t *testing.T) {
	s := agentAlone(t, ruledTable(t))
	told(s)
	busy := map[string]int64{"b1": 100, "b2": 0, "b3": 50}
	nearly(t, "of v1 the idle one", shares(t, s, mesh.Request{}, busy), 0, 0.9, 0.1)
	nearly(t, "no rule splits", shares(t, s, mesh.Request{Path: "/all"}, map[string]int64{"b1": 100, "b2": 100, "b3": 0}), 0, 0, 1)
	nearly(t, "jason", shares(t, s, mesh.Request{Headers: map[string]string{"x-user": "jason"}}, busy), 0, 0, 1)
	if got := shares(t, s, mesh.Request{SessionKey: "k"}, busy); len(got) != 1 {
		t.Errorf("one session is at %v", got)
	}
	for path, want := range map[string]string{"/": "v1", "/all": "v1"} {
		a, _ := s.choose(s.table.Load("web"), s.flights.fleet(s.table.Load("web")), &mesh.Request{Service: "web", Path: path}, s.cfg.Clock())
		for a.Endpoints[a.Endpoint].Name == "b3" {
			a, _ = s.choose(s.table.Load("web"), s.flights.fleet(s.table.Load("web")), &mesh.Request{Service: "web", Path: path}, s.cfg.Clock())
		}
		if a.Subset != want {
			t.Errorf("%s is led to subset %q; want %q", path, a.Subset, want)
		}
	}
}

// TestChooseSticks: rules that make requests stick by a cookie, by the weights, are
// kept, and a request without the cookie is free.
func TestChooseSticks(t *testing.T) {
	s := agentAlone(t, parsed(t, `
services:
  - name: web
    endpoints: [{name: b1}, {name: b2}, {name: b3}]
    balance: {algorithm: maglev, hash: [{cookie: sid}]}
`))
	told(s)
	busy := map[string]int64{"b1": 100, "b2": 0, "b3": 50}
	if got := shares(t, s, mesh.Request{Headers: map[string]string{"cookie": "sid=7"}}, busy); len(got) != 1 {
		t.Errorf("one cookie is at %v", got)
	}
	nearly(t, "without the cookie the draw stands", shares(t, s, mesh.Request{}, busy), 1./3, 1./3, 1./3)
}

// TestChooseOnTrial: while two lines are compared, draws stand.
func TestChooseOnTrial(t *testing.T) {
	table := newTable(t)
	publish(table, 0.5, 0.3, 0.2)
	s := agentAlone(t, table)
	told(s)
	former := table.Load("web")
	table.Try(table.Rules(), 0.5)
	tried := *former.Decision
	tried.Weights = mesh.Weights{0.1, 0.3, 0.6}
	table.PublishAll(nil, []router.Made{{Decision: &tried, Frame: former.Frame}})
	busy := map[string]int64{"b1": 100, "b2": 0, "b3": 50}
	nearly(t, "on trial", shares(t, s, mesh.Request{}, busy), 0.3, 0.3, 0.4)
	table.Drop()
	nearly(t, "after it", shares(t, s, mesh.Request{}, busy), 0, 1, 0)
}

// fleetOf is a table of n endpoints, e0 the first, of weights that grow from 1 to 4.
func fleetOf(t testing.TB, n int) *router.Table {
	t.Helper()
	var text strings.Builder
	text.WriteString("services:\n  - name: web\n    endpoints:\n")
	for i := range n {
		fmt.Fprintf(&text, "      - {name: e%d, weight: %g}\n", i, 1+3*float64(i)/float64(n))
	}
	return parsed(t, text.String())
}

// TestChooseOfMany: of a large fleet some are looked at. What they have in flight stays
// in proportion to their weights, and nothing is far from its part.
func TestChooseOfMany(t *testing.T) {
	s := agentAlone(t, fleetOf(t, 1000))
	told(s)
	routes := s.table.Load("web")
	service, req := s.flights.fleet(routes), &mesh.Request{Service: "web", Path: "/"}
	w := routes.Weigh(req).Weights
	const inFlight = 20_000 // none ends, as where all are as slow as each other
	for range inFlight {
		_, to := s.choose(routes, service, req, s.cfg.Clock())
		to.inFlight.Add(1)
	}
	for i, e := range service.standing {
		if n, part := float64(e.inFlight.Load()), w[i]*inFlight; math.Abs(n-part) > 0.25*part+2 { // draws alone: 5 sigma are 22 of 20
			t.Errorf("%s has %v in flight; want %.1f", e.name, n, part)
		}
	}
	if n := testing.AllocsPerRun(100, func() { s.choose(routes, service, req, s.cfg.Clock()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestPropensity(t *testing.T) {
	s := agentAlone(t, ruledTable(t))
	routes := s.table.Load("web")
	service, req := s.flights.fleet(routes), &mesh.Request{Service: "web"}
	if a, _ := s.choose(routes, service, req, s.cfg.Clock()); a.Propensity != routes.Weigh(req).Weights[a.Endpoint] {
		t.Errorf("a plain draw has propensity %v", a.Propensity)
	}
	told(s)
	for range 50 {
		a, _ := s.choose(routes, service, req, s.cfg.Clock())
		if want := map[string]float64{"b3": 0.1}[a.Endpoints[a.Endpoint].Name]; math.Abs(a.Propensity-want) > 1e-9 {
			t.Errorf("%s has propensity %v; want %v: 0 where the counts may decide, exact where nothing is to be chosen", a.Endpoints[a.Endpoint].Name, a.Propensity, want)
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

// BenchmarkChoose is a choice where all endpoints are busy, so that others are looked at.
func BenchmarkChoose(b *testing.B) {
	for _, n := range []int{3, 10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := agentAlone(b, fleetOf(b, n))
			told(s)
			routes := s.table.Load("web")
			service, req := s.flights.fleet(routes), &mesh.Request{Service: "web", Path: "/"}
			for _, e := range service.standing {
				e.inFlight.Store(3)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.choose(routes, service, req, s.cfg.Clock())
			}
		})
	}
}

// BenchmarkTake is all that a question costs the agent, from its frame to the answer.
func BenchmarkTake(b *testing.B) {
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
