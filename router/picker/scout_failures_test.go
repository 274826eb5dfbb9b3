package picker

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// TestScoutSuspectsTheSilent: an endpoint that leaves a probe unanswered is not
// picked until it answers one, and is asked on.
func TestScoutSuspectsTheSilent(t *testing.T) {
	p := scouting(t, "hot_cold:near=0", 3, 0, 5, 6)
	p.known[0].ask(480 * ms)
	p.known[0].ask(490 * ms) // the first counts
	for now, want := range map[time.Duration]int{482 * ms: 0, 484 * ms: 1} {
		if got, _ := p.best(now); got != want {
			t.Errorf("at %v: %d; want %d", now, got, want)
		}
	}
	p.tell(500*ms, 0, 0)
	if got := p.Pick(500*ms, nil); got != 0 {
		t.Errorf("it answered, and %d is picked", got)
	}
	asked := map[int]bool{}
	for range 50 {
		dst, next := p.Probes(nil, 600*ms)
		p.Pick(600*ms, nil)
		for _, i := range dst {
			asked[i] = true
		}
		if next != Never {
			t.Fatalf("wants to be called at %v", next)
		}
	}
	if len(asked) != 3 {
		t.Errorf("asked %v of 3", asked)
	}
	// Nobody answers: then it is power of two choices.
	counts := [3]int{}
	for range 300 {
		counts[p.Pick(time.Second, nil)]++
	}
	if slices.Min(counts[:]) == 0 {
		t.Errorf("with all silent it picks %v", counts)
	}
}

// TestScoutLearnsThePatience: where every answer takes 20 ms nobody is silent.
func TestScoutLearnsThePatience(t *testing.T) {
	p := scouting(t, "hot_cold", 3)
	now := 480 * ms
	for range 500 {
		for i := range p.known {
			p.known[i].ask(now)
		}
		now += 20 * ms
		for i := range p.known {
			if p.asking.silent(now, &p.known[i]) && now > 5*time.Second {
				t.Fatalf("at %v, after answers of 20 ms, the limit is %v s", now, p.asking.limit())
			}
			p.tell(now, i, 1)
		}
	}
}

// TestScoutFailures: who fails at once looks idle and fast, and is left alone,
// but tried again after a time; where all fail alike nobody is left alone.
func TestScoutFailures(t *testing.T) {
	p := scouting(t, "hot_cold:near=0", 3, 3, 3, 0)
	if got := p.Pick(480*ms, nil); got != 2 {
		t.Fatalf("picks %d", got)
	}
	p.Done(480*ms, 2, mesh.Outcome{Latency: 1, Failed: true})
	if got, _ := p.best(480 * ms); got == 2 {
		t.Error("picked again after a failure")
	}
	later := 90 * time.Second
	for i, x := range []float64{3, 3, 0} {
		p.tell(later, i, x)
	}
	if got := p.Pick(later, nil); got != 2 {
		t.Errorf("after 90 s %d is picked; want 2 to be tried", got)
	}
	p.fleet.failing.mean = 0.9
	p.known[2].fails = failing{0.8, later}
	if in, c := p.cost(later, 2); in != cold || c > 0.1 {
		t.Errorf("where all fail: tier %v, cost %v", in, c)
	}
}

// TestScoutIsAlarmed by an endpoint that becomes slower than it was, not by one
// that always was slow; and lets go of it.
func TestScoutIsAlarmed(t *testing.T) {
	p := scouting(t, "hot_cold", 3)
	tell := func(now time.Duration, slower float64, k int) {
		p.Probed(now, 0, mesh.Load{InFlight: 1, Latency: slower * (0.02 + 1e-9*float64(k))})
		for i := 1; i < 3; i++ {
			p.Probed(now, i, mesh.Load{InFlight: 1, Latency: 0.02 + 1e-9*float64(k)})
		}
	}
	now := 480 * ms
	run := func(seconds int, slower float64) float64 {
		for k := range seconds * 20 {
			now += 50 * ms
			tell(now, slower, k)
		}
		return p.known[0].slow / math.Pow(p.known[0].ratio, p.power)
	}
	if x := run(300, 2); x != 1 {
		t.Errorf("always twice as slow alarms by %v", x)
	}
	if x := run(6, 6); x < 2 || x > most {
		t.Errorf("slower than ever alarms by %v; want 2 to %v", x, most)
	}
	if x := run(120, 2); x != 1 {
		t.Errorf("well again it alarms by %v", x)
	}
	for range 20 * 120 { // it says the same again and again: nobody asked it anything
		now += 50 * ms
		p.Probed(now, 0, mesh.Load{InFlight: 0, Latency: 0.5})
	}
	if x := p.known[0].ratio; x > 1.1 {
		t.Errorf("what it said once counts for ever: %v", x)
	}
}
