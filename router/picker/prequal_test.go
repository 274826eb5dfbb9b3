package picker

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

func endpoints(p pool) (all []int) {
	for _, e := range p {
		all = append(all, e.endpoint)
	}
	return all
}

// TestPrequalReuse is the paper's b = max{1, (1+δ)/((1−m/n)·r_probe − r_remove)}.
// prequal-rs has 1 + δ/(…), which is 1.658 for the first.
func TestPrequalReuse(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		want float64
	}{
		{"prequal", 100, 2 / 1.52},            // (1−0.16)·3 − 1
		{"prequal:delta=0", 100, 1},           // 1/1.52 is below 1
		{"prequal:probes=1.5", 100, 2 / 0.26}, // 0.84·1.5 − 1
		{"prequal:remove=0.25", 100, 1},       // 2/2.27
		{"prequal:probes=1", 100, 16},         // the probes cannot keep up
		{"prequal", 20, 16},                   // nor do they here: 0.2·3 − 1
		{"prequal", 10, 16},                   // fewer endpoints than the pool holds
		{"prequal:probes=1:reuse=5", 100, 5},
	} {
		p := named[*prequal](t, c.name, Config{Endpoints: c.n})
		near(t, c.name, p.reuse(), c.want)
	}
	// Rounded at random: the mean is b, and each is one of the integers beside it.
	p, total := named[*prequal](t, "prequal", Config{Endpoints: 100, Seed: 3}), 0.0
	const n = 50_000
	for k := range n {
		p.Probed(0, k%100, mesh.Load{InFlight: 1, Latency: 0.1})
		uses := p.pool[len(p.pool)-1].uses
		if uses != 1 && uses != 2 {
			t.Fatalf("an answer may be used %d times", uses)
		}
		total += float64(uses)
	}
	if math.Abs(total/n-2/1.52) > 0.01 {
		t.Errorf("on average %v; want %v", total/n, 2/1.52)
	}
}

// TestHotCold: of cold answers the fastest, of hot ones the one with the fewest
// in flight, cold before hot; the worst is the reverse.
func TestHotCold(t *testing.T) {
	pool := pool{
		{endpoint: 0, inFlight: 9, latency: 0.001},
		{endpoint: 1, inFlight: 2, latency: 0.050},
		{endpoint: 2, inFlight: 5, latency: 0.020}, // at the threshold is not above it
		{endpoint: 3, inFlight: 7, latency: 0.002},
	}
	for _, c := range []struct {
		q, hot      float64
		best, worst int
	}{
		{0.84, 5, 2, 0},
		{0.84, 1, 1, 0},  // all hot
		{0.84, 50, 0, 1}, // all cold
		{1, math.Inf(1), 0, 1},
		{0, 5, 1, 0}, // by requests in flight alone
	} {
		p := named[*prequal](t, "prequal", Config{Endpoints: 4})
		p.pool, p.rule = pool, &hotCold{q: c.q, hot: c.hot}
		if best, worst := p.extreme(true), p.extreme(false); best != c.best || worst != c.worst {
			t.Errorf("q %v, hot above %v: best %d, worst %d; want %+v", c.q, c.hot, best, worst, c)
		}
	}
}

func TestHotIsAboveTheQuantile(t *testing.T) {
	h := newHotCold(0.5, 5)
	for _, x := range []float64{9, 1, 2, 3, 4, 5} { // 9 is forgotten
		h.probed(0, x, 0, 0)
	}
	if h.hot != 3 || !slices.Equal(h.sorted, []float64{1, 2, 3, 4, 5}) {
		t.Errorf("hot above %v of %v; want 3 of 1 to 5", h.hot, h.sorted)
	}
	for range 7 {
		h.probed(0, 2, 0, 0)
	}
	if h.hot != 2 || !slices.Equal(h.sorted, []float64{2, 2, 2, 2, 2}) {
		t.Errorf("hot above %v of %v", h.hot, h.sorted)
	}
}

// TestPrequalRemoval: after each request the oldest and the worst go in turn.
func TestPrequalRemoval(t *testing.T) {
	p := named[*prequal](t, "prequal", Config{Endpoints: 100, Seed: 1})
	p.rule = &hotCold{q: 0.5, hot: 5}
	for i, inFlight := range []float64{3, 8, 4, 2, 9, 1} {
		p.pool.add(pooled{endpoint: i, inFlight: inFlight, latency: 0.1 - 0.01*float64(i), uses: 9}, 16)
	}
	for k, want := range [][]int{
		{1, 2, 3, 4, 5}, // 0 was the oldest
		{1, 2, 3, 5},    // 4 was the hottest
		{2, 3, 5},       // 1 the oldest
		{3, 5},          // of the cold ones 2 the slowest
	} {
		if p.Pick(0, nil); !slices.Equal(endpoints(p.pool), want) {
			t.Fatalf("after request %d the pool has %v; want %v", k+1, endpoints(p.pool), want)
		}
	}
}

// TestPrequalUsesAnswersUp, counts what it sends, and lets answers age.
func TestPrequalUsesAnswersUp(t *testing.T) {
	p := named[*prequal](t, "prequal:remove=0", Config{Endpoints: 100, Seed: 1})
	p.rule = &hotCold{q: 0.84, hot: 100}
	p.pool = append(p.pool,
		pooled{endpoint: 7, inFlight: 1, latency: 0.01, uses: 2},
		pooled{endpoint: 8, inFlight: 1, latency: 0.02, uses: 2, at: 500 * time.Millisecond},
		pooled{endpoint: 9, inFlight: 1, latency: 0.03, uses: 2, at: 600 * time.Millisecond})
	if i := p.Pick(0, nil); i != 7 || p.pool[0].inFlight != 2 {
		t.Errorf("picked %d, with %v in flight in its answer", i, p.pool[0].inFlight)
	}
	if i := p.Pick(0, nil); i != 7 || len(p.pool) != 2 {
		t.Errorf("picked %d, and %d answers are left; want 7 and 2", i, len(p.pool))
	}
	if i := p.Pick(1500*time.Millisecond, nil); i != 8 || len(p.pool) != 2 { // exactly a second old
		t.Errorf("picked %d, %v", i, endpoints(p.pool))
	}
	p.Pick(1501*time.Millisecond, nil)
	if !slices.Equal(endpoints(p.pool), []int{9}) {
		t.Errorf("of answers more than a second old are left: %v", endpoints(p.pool))
	}
	// With one answer it picks at random, whatever that says.
	counts := map[int]bool{}
	for range 300 {
		p.pool = append(p.pool[:0], pooled{endpoint: 9, inFlight: 0, uses: 1 << 30})
		counts[p.Pick(0, nil)] = true
	}
	if len(counts) < 80 {
		t.Errorf("with one answer it picks %d endpoints of 100", len(counts))
	}
}

// TestPrequalProbes without replacement, three for each request, or as many as
// a fraction makes over several.
func TestPrequalProbes(t *testing.T) {
	for name, want := range map[string]int{"prequal": 3000, "prequal:probes=0.25": 250, "prequal:probes=1.5": 1500} {
		p := named[*prequal](t, name, Config{Endpoints: 6, Seed: 1})
		total, counts := 0, make([]int, 6)
		for range 1000 {
			p.Pick(0, nil)
			asked, next := p.Probes(nil, 0)
			total += len(asked)
			if next != Never {
				t.Fatal("wants to be called without a request")
			}
			slices.Sort(asked)
			if len(slices.Compact(slices.Clone(asked))) != len(asked) {
				t.Fatalf("asks %v", asked)
			}
			for _, i := range asked {
				counts[i]++
			}
		}
		if total != want || slices.Min(counts) < want/6*8/10 {
			t.Errorf("%s asked %d times, %v", name, total, counts)
		}
	}
	p := named[*prequal](t, "prequal:idle=2s", Config{Endpoints: 6, Seed: 1})
	p.Pick(0, nil)
	if _, next := p.Probes(nil, 0); next != 2*time.Second {
		t.Errorf("idle, it asks again at %v", next)
	}
	if asked, next := p.Probes(nil, 2*time.Second); len(asked) != 3 || next != 4*time.Second {
		t.Errorf("idle, it asks %v and again at %v", asked, next)
	}
}

// TestPrequalPool: one answer per endpoint, the oldest goes when it is full,
// and the endpoints that are gone go.
func TestPrequalPool(t *testing.T) {
	p := named[*prequal](t, "prequal:pool=3", Config{Endpoints: 5, Seed: 1})
	for _, i := range []int{0, 1, 2, 0, 3} {
		p.Probed(0, i, mesh.Load{InFlight: 1, Latency: math.NaN()})
	}
	if !slices.Equal(endpoints(p.pool), []int{2, 0, 3}) {
		t.Errorf("pool %v; want 2, 0, 3", endpoints(p.pool))
	}
	p.Update(mesh.Weights{0.5, 0, 0.5})
	if !slices.Equal(endpoints(p.pool), []int{2, 0}) {
		t.Errorf("after an update %v", endpoints(p.pool))
	}
}

// TestGuard: an endpoint that fails at once attracts requests without a guard
// and does not with one.
func TestGuard(t *testing.T) {
	share := func(name string) float64 {
		p := named[*prequal](t, name, Config{Endpoints: 40, Seed: 5})
		failed := 0
		const n = 20_000
		for k := range n {
			now := time.Duration(k) * time.Millisecond
			i := p.Pick(now, nil)
			if i == 0 {
				failed++
			}
			p.Done(now, i, mesh.Outcome{Latency: time.Millisecond, Failed: i == 0})
			asked, _ := p.Probes(nil, now)
			for _, i := range asked {
				l := mesh.Load{InFlight: 3, Latency: 0.05}
				if i == 0 {
					l = mesh.Load{InFlight: 0, Latency: 0.001}
				}
				p.Probed(now, i, l)
			}
		}
		return float64(failed) / n
	}
	open, guarded := share("prequal"), share("prequal:guard=1s")
	if open < 2./40 || guarded > 0.5/40 {
		t.Errorf("a sinkhole gets %v of the requests without a guard, %v with one", open, guarded)
	}
	var g guard
	g.cost = 2
	g.grow(1)
	g.done(0, 0, true)
	near(t, "after one failure", g.penalty(0, 0), 0.4)
	near(t, "ten seconds later", g.penalty(10*time.Second, 0), 0.2)
}
