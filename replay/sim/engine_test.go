package sim

import (
	"fmt"
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
	s := builtinScenario(t, "basic")
	text := func(seed uint64) string { return fmt.Sprintf("%+v", *runOne(t, s, seed, powerOfTwo())) }
	// Pointers are compared by what they point to.
	a, b := runOne(t, s, 3, powerOfTwo()), runOne(t, s, 3, powerOfTwo())
	if fmt.Sprintf("%+v %+v %+v", a.Slots, *a.Latency, *a.InFlight) != fmt.Sprintf("%+v %+v %+v", b.Slots, *b.Latency, *b.InFlight) || a.Mean != b.Mean {
		t.Error("equal seeds, other results")
	}
	if text(3) == text(4) {
		t.Error("other seeds, equal results")
	}
}

func TestEveryRequestEndsOnce(t *testing.T) {
	for _, name := range Builtins() {
		t.Run(name, func(t *testing.T) {
			s := builtinScenario(t, name)
			s.Duration, s.WarmUp = min(s.Duration, 20*time.Second), 0
			ended := 0
			res, err := Watch(t.Context(), s, 1, powerOfTwo(), &Observer{Finished: func(f *Finished) {
				ended++
				if f.Ended < f.Arrived || f.Latency > s.Deadline || f.Status == 200 && f.Endpoint < 0 {
					t.Fatalf("finished %+v", *f)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			sent := 0
			for _, slot := range res.Slots {
				sent += slot.Requests
			}
			if ended != res.Requests || sent != ended || ended == 0 {
				t.Errorf("%d requests, %d in slots, %d ended", res.Requests, sent, ended)
			}
			if res.Latency.N != res.Requests || res.InFlight.N != res.Requests*s.Count() {
				t.Errorf("%d latencies and %d in-flight counts of %d requests and %d endpoints", res.Latency.N, res.InFlight.N, res.Requests, s.Count())
			}
		})
	}
}
