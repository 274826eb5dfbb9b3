package picker

import (
	"math"
	"math/rand/v2"
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

func TestScoutReadsABoard(t *testing.T) {
	p := named[*scout](t, "hot_cold", Config{Endpoints: 4, Seed: 1})
	nan := math.NaN()
	p.Board(Board{InFlight: []float64{5, nan, 1}, Service: []float64{0.01, 0.02, nan, nan}, Capacity: []float64{200, 200, 100, nan}})
	near(t, "usual", p.known[0].usual.or(-1), 5)
	near(t, "unknown", p.known[1].usual.or(-1), -1)
	// A mean of 500/3 requests/s.
	near(t, "ratio", p.known[2].ratio, 5.0/3)
	near(t, "ratio of the unknown", p.known[3].ratio, 1)
	p.tell(0, 0, 3)
	p.Probed(0, 1, mesh.Load{InFlight: 3, Latency: 0.02})
	p.Board(Board{InFlight: []float64{9}, Capacity: []float64{math.Inf(1), 1e9, 1, -5}})
	near(t, "usual of who answers", p.known[0].usual.or(-1), 5-0.3*2)
	near(t, "ratio of who tells latencies", p.known[1].ratio, 2.5/3)
	near(t, "a bounded ratio", p.known[2].ratio, most)
	p.Board(Board{Service: []float64{nan, nan, 0.01, 0.03}})
	near(t, "ratio by the service time", p.known[3].ratio, 1.5)
	p.Board(Board{})
	near(t, "ratio without a board", p.known[3].ratio, 1)
	if x := p.Pick(0, nil); x < 0 {
		t.Error("picks nobody")
	}
}

// TestScoutHeedsWeights: half of what would be an endpoint's by its capacity is
// no reason to spare it, a tenth is; near-ties are by weight.
func TestScoutHeedsWeights(t *testing.T) {
	p := named[*scout](t, "hot_cold", Config{Weights: mesh.Weights{0.45, 0.05, 0.5}, Seed: 1})
	near(t, "spared", p.known[1].spared, 1/(0.05*3)/2)
	near(t, "not spared", p.known[0].spared, 1)
	p.Board(Board{Capacity: []float64{450, 50, 500}})
	near(t, "as small as its capacity", p.known[1].spared, 1)

	p = scouting(t, "hot_cold:near=0.1", 2, 2, 2)
	p.Update(mesh.Weights{0.75, 0.25})
	counts := [2]float64{}
	for range 20_000 {
		i := p.Pick(480*ms, nil)
		counts[i]++
		p.recall(i)
	}
	if math.Abs(counts[0]/20_000-0.75) > 0.02 {
		t.Errorf("of a tie they are picked %v times; want 3 to 1", counts)
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

// FuzzScout: whatever happens, an endpoint of weight 0 is neither picked nor
// asked, nobody has fewer than 0 in flight, and all costs are numbers.
func FuzzScout(f *testing.F) {
	f.Add(uint64(1), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add(uint64(2), []byte{4, 0, 0, 1, 255, 0, 128, 6, 0, 0, 3, 3, 3})
	f.Fuzz(func(t *testing.T, seed uint64, story []byte) {
		const n = 5
		r := rand.New(rand.NewPCG(seed, 1))
		odd := []float64{0, 1, 3, 1e-300, 1e300, math.Inf(1), math.Inf(-1), math.NaN(), -1}
		some := func() (list []float64) {
			for range r.IntN(n + 2) {
				list = append(list, odd[r.IntN(len(odd))])
			}
			return list
		}
		p := named[*scout](t, "hot_cold", Config{Endpoints: n, Seed: seed})
		now, w := time.Duration(0), mesh.Weights{1, 1, 1, 1, 1}
		for _, what := range story {
			now += time.Duration(r.ExpFloat64() * 1e8)
			i := r.IntN(n+2) - 1
			switch what % 7 {
			case 0, 1:
				picked := p.Pick(now, nil)
				if picked < 0 && slices.Max(w) > 0 || picked >= 0 && !(w[picked] > 0) {
					t.Fatalf("picked %d with weights %v", picked, w)
				}
			case 2:
				asked, _ := p.Probes(nil, now)
				for _, i := range asked {
					if !(w[i] > 0) {
						t.Fatalf("asks %d with weights %v", i, w)
					}
				}
			case 3:
				p.Probed(now, i, mesh.Load{InFlight: odd[r.IntN(len(odd))], Latency: odd[r.IntN(len(odd))]})
			case 4:
				p.Done(now, i, mesh.Outcome{Latency: time.Duration(r.Uint64()), Failed: r.IntN(2) == 0})
			case 5:
				w = mesh.Weights{r.Float64(), 0, r.Float64(), 0, r.Float64()}
				w[r.IntN(n)] = 0
				p.Update(w)
			case 6:
				p.Board(Board{InFlight: some(), Service: some(), Capacity: some()})
			}
			for i := range p.known {
				if _, c := p.cost(now, i); p.known[i].own < 0 || !(c >= 0) {
					t.Fatalf("endpoint %d costs %v: %+v", i, c, p.known[i])
				}
			}
		}
	})
}
