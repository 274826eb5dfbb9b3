package picker

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

const ms = time.Millisecond

// scouting is a hot_cold of n endpoints that tell 10 ms for each request in
// flight and one more, and have told it often enough.
func scouting(t *testing.T, name string, n int, inFlight ...float64) *scout {
	t.Helper()
	p := named[*scout](t, name, Config{Endpoints: n, Seed: 1})
	for k := range 40 * 12 {
		level := float64(k % 12)
		p.Probed(time.Duration(k)*ms, k%n, mesh.Load{InFlight: level, Latency: (0.01 + float64(k%7)*1e-9) * (level + 1)})
	}
	for i := range n {
		p.known[i].usual, p.known[i].others = average{}, 0
		p.known[i].ratio, p.known[i].slow = 1, 1
	}
	p.fleet.others.mean = 2
	p.fleet.latency = average{0.02, true}
	p.told.hot = math.Inf(1)
	for i, x := range inFlight {
		p.tell(480*ms, i, x)
	}
	return p
}

// tell is a probe's answer that says nothing of latencies.
func (p *scout) tell(now time.Duration, i int, inFlight float64) {
	hot := p.told.hot
	p.Probed(now, i, mesh.Load{InFlight: inFlight, Latency: math.NaN()})
	p.told.hot = hot
}

func TestScoutPicksTheLeastCost(t *testing.T) {
	p := scouting(t, "hot_cold:near=0", 4, 3, 1, 2, 4)
	near(t, "latency at 3 in flight", p.fleet.at(3), 0.04+3e-9*4)
	for range 4 { // its own requests count: 3 1 2 4, 3 2 2 4, one of both, 3 3 3 4, one of three
		p.Pick(480*ms, nil)
	}
	var after []float64
	for i := range 3 {
		after = append(after, p.inFlight(480*ms, &p.known[i]))
	}
	if slices.Sort(after); !slices.Equal(after, []float64{3, 3, 4}) || p.known[3].own != 0 {
		t.Errorf("in flight at the first three %v; want 3, 3 and 4", after)
	}
	// Twice as slow counts as 2^power times the cost: with 3 in flight at the
	// others the slow one with 2 is worse at power 2 and better at 0.
	for power, want := range map[string]int{"2": 0, "0": 1} {
		p := scouting(t, "hot_cold:near=0:alarm=0:power="+power, 2, 3, 2)
		p.known[1].ratio = 2
		p.compare(&p.known[1], 2, 0.06, 0)
		near(t, "slow", p.known[1].slow, math.Pow(2, p.power))
		if got := p.Pick(480*ms, nil); got != want {
			t.Errorf("power %s picks %d; want %d", power, got, want)
		}
	}
}

// TestScoutRemembersWhoAnswers: of 100 endpoints those that answered a request
// last are compared, without another probe.
func TestScoutRemembersWhoAnswers(t *testing.T) {
	p := scouting(t, "hot_cold:pool=4", 100)
	p.candidates = p.candidates[:0]
	for _, i := range []int{7, 8, 9} {
		p.known[i].own = 1
		p.Done(480*ms, i, mesh.Outcome{Latency: 20 * ms})
	}
	p.known[12].own = 1
	p.Done(480*ms, 12, mesh.Outcome{Latency: 1, Failed: true}) // not one that failed
	if want := (candidates{7, 8, 9}); !slices.Equal(p.candidates, want) {
		t.Errorf("candidates %v; want %v", p.candidates, want)
	}
	for _, i := range []int{1, 8, 2} {
		p.tell(480*ms, i, 0)
	}
	if want := (candidates{9, 1, 8, 2}); !slices.Equal(p.candidates, want) {
		t.Errorf("candidates %v; want %v", p.candidates, want)
	}
}

// TestScoutWithoutProbes: where nobody is asked, or who is asked tells no
// latencies, endpoints are compared by the requests that went there.
func TestScoutWithoutProbes(t *testing.T) {
	for _, answers := range []bool{false, true} {
		p := named[*scout](t, "hot_cold", Config{Endpoints: 4, Seed: 1})
		counts := [4]float64{}
		for k := range 4000 {
			now := time.Duration(k) * ms
			i := p.Pick(now, nil)
			counts[i]++
			latency := 10 * ms
			if i == 3 {
				latency = 80 * ms
			}
			p.Done(now, i, mesh.Outcome{Latency: latency})
			if answers {
				p.tell(now, k%4, 1)
			}
		}
		if counts[3] == 0 || counts[3] > 500 || slices.Min(counts[:3]) < 500 {
			t.Errorf("answers %v: the slow one is picked %v times, want some, and fewer than 500", answers, counts)
		}
		if asked, _ := p.Probes(nil, 4*time.Second); len(asked) > 16*3 {
			t.Errorf("asks %d times at once", len(asked))
		}
	}
}

func TestScoutAsksNoMoreThanPrequal(t *testing.T) {
	for _, name := range []string{"hot_cold", "prequal", "hot_cold+slow_start:window=1s"} {
		p := named[Prober](t, name, Config{Endpoints: 50, Seed: 1})
		asked := 0
		for k := range 1000 {
			now := time.Duration(k) * ms
			p.Pick(now, nil)
			list, _ := p.Probes(nil, now)
			if asked += len(list); len(list) == 3 && (list[0] == list[1] || list[1] == list[2] || list[0] == list[2]) {
				t.Fatalf("%s asks %v", name, list)
			}
		}
		if asked != 3000 {
			t.Errorf("%s asks %d times for 1000 requests", name, asked)
		}
	}
}

// TestScoutTakesBack what slow start passes over, and its probes.
func TestScoutTakesBack(t *testing.T) {
	p := scouting(t, "hot_cold", 3)
	i := p.Pick(480*ms, nil)
	p.recall(i)
	p.recall(i)
	p.recall(99)
	if p.known[i].own != 0 {
		t.Errorf("%d in flight", p.known[i].own)
	}
	if asked, _ := p.Probes(nil, 480*ms); len(asked) != 0 {
		t.Errorf("asks %v for a request that was taken back", asked)
	}
}
