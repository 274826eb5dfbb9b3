package picker

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// The numbers here are worked out by hand from the published formulas.

func named[T any](t *testing.T, name string, c Config) T {
	t.Helper()
	p, err := Named(name, c)
	if err != nil {
		t.Fatal(err)
	}
	typed, ok := p.(T)
	if !ok {
		t.Fatalf("%s is a %T", name, p)
	}
	return typed
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-9*math.Max(1, math.Abs(want))) {
		t.Errorf("%s is %v; want %v", what, got, want)
	}
}

// TestPeakEWMA follows Finagle's formula.
func TestPeakEWMA(t *testing.T) {
	var k peak
	k.observe(0, 0.1, 10)
	near(t, "a first latency", k.cost, 0.1)
	k.observe(time.Second, 0.3, 10)
	near(t, "a peak", k.cost, 0.3)
	k.observe(11*time.Second, 0.1, 10) // w = 1/e
	near(t, "ten seconds later", k.cost, 0.3/math.E+0.1*(1-1/math.E))
	k.observe(21*time.Second, 0, 10)
	near(t, "after ten of silence", k.cost, (0.3/math.E+0.1*(1-1/math.E))/math.E)

	p := named[*peakEWMA](t, "peak_ewma", Config{Endpoints: 2, Seed: 1})
	near(t, "nothing known, nothing in flight", p.load(0, 0), 0)
	p.known[0].inFlight = 2
	near(t, "nothing known, 2 in flight", p.load(0, 0), 140737+2)
	p.known[0].observe(0, 0.2, 10)
	near(t, "0.2 s, 2 in flight", p.load(0, 0), 0.6)
	for range 20 { // 0.6 against 0.05 × (in flight + 1)
		p.known[1] = peak{cost: 0.05, inFlight: 3}
		if i := p.Pick(0, nil); i != 1 {
			t.Fatal("picked the dearer")
		}
	}
}

// TestLeastRequest: unequal weights make a schedule by weight/(active+1)^bias.
func TestLeastRequest(t *testing.T) {
	p := named[*leastRequest](t, "least_request", Config{Weights: mesh.Weights{0.8, 0.2}})
	if p.equal {
		t.Fatal("unequal weights are taken for equal")
	}
	p.inFlight[0] = 3
	near(t, "weight with 3 in flight", p.weight(0), 0.2)
	p.bias = 2
	near(t, "with bias 2", p.weight(0), 0.05)
	p.bias = 0
	near(t, "with bias 0", p.weight(0), 0.8)
	p.inFlight[0], p.bias = 0, 1
	counts := make([]float64, 2)
	for range 10_000 { // nothing stays in flight: as weighted round robin
		i := p.Pick(0, nil)
		counts[i]++
		p.Done(0, i, mesh.Outcome{})
	}
	if math.Abs(counts[0]-8000) > 2 {
		t.Errorf("4 to 1 became %v", counts)
	}
	q := named[*leastRequest](t, "least_request:choices=64", Config{Endpoints: 3, Seed: 1})
	q.inFlight[0], q.inFlight[2] = 5, 5
	if !q.equal || q.Pick(0, nil) != 1 {
		t.Error("of 64 choices it does not find the least loaded of 3")
	}
}

// TestSchedulesAreEven: between picks of an endpoint lies about its period,
// which a draw at random does not keep.
func TestSchedulesAreEven(t *testing.T) {
	p := named[Picker](t, "weighted_round_robin", Config{Weights: mesh.Weights{0.5, 0.25, 0.25}, Seed: 2})
	last := []int{-1, -1, -1}
	for k := range 4000 {
		i := p.Pick(0, nil)
		if gap := k - last[i]; last[i] >= 0 && float64(gap) > []float64{3, 6, 6}[i] {
			t.Fatalf("endpoint %d was left out for %d picks", i, gap)
		}
		last[i] = k
	}
}

func TestLinear(t *testing.T) {
	p := named[*prequal](t, "linear", Config{Endpoints: 4, Seed: 1})
	p.Probed(0, 0, mesh.Load{InFlight: 4, Latency: 0.1})
	near(t, "score", p.rule.rank(&p.pool[0], 9).first, 0.5*0.1+0.5*0.075*4)
	l := &linear{share: 0.5, alpha: paperAlpha, measured: true}
	random := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		l.probed(0, 1, 0.01*random.ExpFloat64(), 0)
		l.probed(0, 2, 9, 0) // busier endpoints do not count
	}
	if median := 0.01 * math.Ln2; math.Abs(l.alpha-median) > 0.15*median {
		t.Errorf("measured α is %v; the median is %v", l.alpha, median)
	}
}

// TestOracle picks the least, and evenly among several.
func TestOracle(t *testing.T) {
	counts := make([]int, 4)
	p := named[Picker](t, "oracle", Config{Endpoints: 4, Seed: 1, Truth: func(i int) float64 { return []float64{2, 1, 3, 1}[i] }})
	for range 1000 {
		counts[p.Pick(0, nil)]++
	}
	if counts[0]+counts[2] != 0 || counts[1] < 400 || counts[3] < 400 {
		t.Errorf("picked %v", counts)
	}
}

// TestPolledReadsThePollOnly: what has been sent since changes nothing.
func TestPolledReadsThePollOnly(t *testing.T) {
	p := named[*polled](t, "polled_power_of_two", Config{Endpoints: 2, Seed: 1})
	asked, _ := p.Probes(nil, 0)
	if !slices.Equal(asked, []int{0, 1}) {
		t.Fatalf("polls %v", asked)
	}
	p.Probed(0, 0, mesh.Load{InFlight: 5})
	p.Probed(0, 1, mesh.Load{InFlight: 4})
	for range 100 {
		if p.Pick(0, nil) != 1 {
			t.Fatal("picked the more loaded")
		}
	}
	_, next := p.Probes(nil, 0)
	if _, after := p.Probes(nil, next); after != next+500*time.Millisecond {
		t.Errorf("polls at %v and %v; want half a second between", next, after)
	}
}
