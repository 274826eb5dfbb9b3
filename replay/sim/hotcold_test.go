package sim

import (
	"testing"
	"time"
)

// TestHotColdKnowsMoreThanPrequal on as many probes: in a homogeneous fleet, one
// of which half is slow, one with an endpoint that fails at once, and one where
// endpoints hang. The means and failures of both are the same on every machine;
// the margins are far inside of what was seen.
func TestHotColdKnowsMoreThanPrequal(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups []Group
		events []Event
		mean   float64 // of Prequal's, at most
		failed float64 // likewise
	}{
		{"equal", []Group{{Count: 30}}, nil, 0.6, 1},
		{"half slow", []Group{{Count: 15}, {Count: 15, Speed: Speed{Values: []float64{0.5}}}}, nil, 0.6, 1},
		{"a sink-hole", []Group{{Count: 30}}, []Event{{Kind: SinkHole, At: 5 * time.Second, Select: Select{Index: []int{3}}}}, 0.2, 0.02},
		{"two that hang", []Group{{Count: 30}}, []Event{{Kind: Stall, At: 6 * time.Second, For: 5 * time.Second, Select: Select{Index: []int{3, 4}}}}, 0.6, 1},
	} {
		s := &Scenario{
			Name: c.name, WarmUp: 3 * time.Second, Duration: 15 * time.Second, Network: 250 * time.Microsecond,
			Proxies: Proxies{Count: 5}, Arrivals: Arrivals{Load: 0.85}, Work: Work{Mean: 10 * ms}, Groups: c.groups, Events: c.events,
		}
		s.defaults()
		ours, theirs := runOne(t, s, 1, named(t, "hot_cold")), runOne(t, s, 1, named(t, "prequal"))
		t.Logf("%s: mean %.2f ms to %.2f, failed %d to %d of %d", c.name, 1e3*ours.Mean, 1e3*theirs.Mean, ours.Failed, theirs.Failed, ours.Requests)
		if ours.Mean > c.mean*theirs.Mean {
			t.Errorf("%s: a mean of %v s; want %v of %v s", c.name, ours.Mean, c.mean, theirs.Mean)
		}
		if float64(ours.Failed) > c.failed*float64(theirs.Failed) {
			t.Errorf("%s: %d failed; want at most %v of %d", c.name, ours.Failed, c.failed, theirs.Failed)
		}
		if ours.Probes > theirs.Probes {
			t.Errorf("%s: %d probes, Prequal %d", c.name, ours.Probes, theirs.Probes)
		}
	}
}
