package picker

import (
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// TestScoutForgetsOthers: what others have in flight goes back to what is usual,
// sooner from below; what is its own is known exactly.
func TestScoutForgetsOthers(t *testing.T) {
	p := scouting(t, "hot_cold", 2)
	k := &p.known[0]
	k.usual = average{4, true}
	for _, c := range []struct {
		others float64
		after  time.Duration
		want   float64
	}{
		{8, 0, 8},
		{8, 10 * ms, 4 + 4/2.5},               // forget: half of the mean latency of 20 ms
		{0, 3 * ms, 4 - 4/2.5},                // crowding: 0.3 of that
		{8, time.Second, 4 + 4.0/5101},        // 1 + 100 + 5000
		{8, time.Second + time.Nanosecond, 4}, // dropped
	} {
		k.others, k.own, k.at, k.heard = c.others, 0, 0, true
		near(t, "others", p.inFlight(c.after, k), c.want)
		k.own = 3
		near(t, "with own", p.inFlight(c.after, k), c.want+3)
	}
}

// TestScoutAloneKnowsAll: a proxy that sends everything finds nobody else's
// requests in what it is told.
func TestScoutAloneKnowsAll(t *testing.T) {
	p := named[*scout](t, "hot_cold", Config{Endpoints: 3, Seed: 1})
	var own [3]float64
	for k := range 30 {
		now := time.Duration(k) * ms
		i := p.Pick(now, nil)
		own[i]++
		p.Probed(now, k%3, mesh.Load{InFlight: own[k%3], Latency: 0.01 * (own[k%3] + 1)})
	}
	for i := range own {
		near(t, "in flight", p.inFlight(30*ms, &p.known[i]), own[i])
	}
	if slices.Max(own[:])-slices.Min(own[:]) > 1 {
		t.Errorf("in flight %v; want 10 of each", own)
	}
}

// TestScoutGuardsByInFlight: a hot endpoint is not picked while there is a cold
// one, however fast it is.
func TestScoutGuardsByInFlight(t *testing.T) {
	p := scouting(t, "hot_cold:near=0", 2, 6, 1)
	p.known[0].slow = 0.001
	if got := p.Pick(480*ms, nil); got != 0 {
		t.Errorf("cold, the fast one is not picked but %d", got)
	}
	p.told.hot = 5
	if got := p.Pick(480*ms, nil); got != 1 {
		t.Errorf("hot, the fast one is picked: %d", got)
	}
	p.tell(480*ms, 1, 7)
	if got := p.Pick(480*ms, nil); got != 0 {
		t.Errorf("where all are hot, %d; want the one of the least cost", got)
	}
}
