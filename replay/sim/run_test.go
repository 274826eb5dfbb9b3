package sim

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router"
)

func builtinScenario(t testing.TB, name string) *Scenario {
	t.Helper()
	s, err := Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func runOne(t testing.TB, s *Scenario, seed uint64, strategy router.Strategy) *Result {
	t.Helper()
	res, err := Run(t.Context(), s, seed, strategy)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestEqualSeedsEqualResults(t *testing.T) {
	s := builtinScenario(t, "sink-hole")
	s.Duration, s.Arrivals.Load = 50*time.Second, s.Arrivals.Load/slowdown
	for _, name := range []string{"power_of_two", "prequal", "c3"} {
		a, b := runOne(t, s, 3, named(t, name)), runOne(t, s, 3, named(t, name))
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: equal seeds, other results", name)
		}
		if c := runOne(t, s, 4, named(t, name)); c.Mean == a.Mean || reflect.DeepEqual(c.Faults, a.Faults) {
			t.Errorf("%s: other seeds, equal results", name)
		}
	}
}

// TestEveryRequestEndsOnce walks the built-in scenarios, shortened where
// nothing happens at a later time.
func TestEveryRequestEndsOnce(t *testing.T) {
	for _, name := range Builtins() {
		t.Run(name, func(t *testing.T) {
			s := builtinScenario(t, name)
			if len(s.Events) == 0 {
				s.Duration, s.Arrivals.Steps = 3*time.Second, nil
			}
			s.WarmUp = 0
			s.Arrivals.Load /= slowdown
			s.Arrivals.Rate /= slowdown
			ended := 0
			res, err := Watch(t.Context(), s, 1, named(t, "power_of_two"), &Observer{Finished: func(f *Finished) {
				ended++
				if f.Ended < f.Arrived || f.Latency > s.Deadline || f.Endpoint < 0 || f.Status == 504 && f.Latency != s.Deadline {
					t.Fatalf("finished %+v", *f)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			inSlots, sent := 0, 0
			for _, slot := range res.Slots {
				inSlots += slot.Requests
				for _, n := range slot.Sent {
					sent += n
				}
			}
			if ended == 0 || ended != res.Requests || inSlots != ended || sent != ended {
				t.Errorf("%d requests, %d in slots, %d sent, %d ended", res.Requests, inSlots, sent, ended)
			}
			if res.Latency.N != res.Requests || res.InFlight.N != res.Requests*s.Count() {
				t.Errorf("%d latencies and %d counts in flight of %d requests to %d endpoints", res.Latency.N, res.InFlight.N, res.Requests, s.Count())
			}
		})
	}
}

// TestCommonRandomNumbers: where nothing waits, all that a request meets was
// drawn, and is the same under every strategy.
func TestCommonRandomNumbers(t *testing.T) {
	s := &Scenario{
		Name: "idle", Duration: 20 * time.Second, Deadline: time.Minute, Proxies: Proxies{Count: 5, Skew: Skew{0.2, 0.8}},
		Arrivals: Arrivals{Process: Bursty, Rate: 200, Burst: Burst{Factor: 5, Share: 0.2, Length: time.Second}},
		Work:     Work{Mean: 10 * time.Millisecond}, Groups: []Group{{Count: 5, Workers: 1000}},
		Classes: []Class{{Name: "a", Share: 3}, {Name: "b", Share: 1, Work: Work{Distribution: Pareto, Bound: 100}}},
		Events:  []Event{{Kind: Errors, Ratio: 0.3, For: 10 * time.Second, Select: Select{All: true}}},
	}
	s.defaults()
	meet := func(strategy router.Strategy) []Finished {
		var all []Finished
		if _, err := Watch(t.Context(), s, 5, strategy, &Observer{Finished: func(f *Finished) {
			x := *f
			x.Endpoint, x.Propensity = 0, 0
			all = append(all, x)
		}}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	first := meet(named(t, "random"))
	if len(first) < 2000 {
		t.Fatalf("%d requests", len(first))
	}
	ofFirst := 0
	for _, f := range first {
		if f.Proxy == 0 {
			ofFirst++
		}
	}
	if part := float64(ofFirst) / float64(len(first)); part < 0.75 || part > 0.85 {
		t.Errorf("one of five proxies sent %v; want 0.8", part)
	}
	for _, other := range []string{"power_of_two", "prequal", "round_robin", "oracle"} {
		if !slices.Equal(first, meet(named(t, other))) {
			t.Errorf("%s met other requests than random", other)
		}
	}
}

// TestMemoryIsFlat: five times as many requests allocate hardly more.
func TestMemoryIsFlat(t *testing.T) {
	allocated := func(requests float64) uint64 {
		s := queue(20, Group{}, 0.8, Work{Distribution: Exponential}, requests)
		s.Deadline = 50 * time.Second
		strategy := named(t, "power_of_two")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		runOne(t, s, 1, strategy)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	few, many := allocated(40_000), allocated(200_000)
	if many > few+1<<20 {
		t.Errorf("%d bytes for 40,000 requests, %d for 200,000", few, many)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, builtinScenario(t, "basic"), 1, named(t, "random")); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
