package tune

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay/sim"
)

const unequal = `{name: unequal, deadline: 60s, warm_up: 20s, duration: 220s, proxies: {count: 2}, arrivals: {load: 0.6}, work: {mean: 20ms},
endpoints: [{count: 1, speed: 5}, {count: 2, speed: 2}, {count: 2}, {count: 1, speed: 0.3}]}`

// TestOptimalIsOptimal: of M/M/1 queues the formula is exact, and its split is
// what a search over all splits finds. Two queues of capacities 4 and 1 at a
// load of 0.4: the well-known square-root rule gives each what it has beyond its
// share of the spare capacity.
func TestOptimalIsOptimal(t *testing.T) {
	w := optimal([]float64{4, 1}, []float64{1, 1}, 0.4, 1)
	spare := 5 - 2.0
	want := (4 - spare*2/3) / 2 // λ = µ − spare·√µ/Σ√µ
	if math.Abs(w[0]-want) > 1e-6 || math.Abs(w[0]+w[1]-1) > 1e-9 {
		t.Errorf("the faster gets %v; want %v", w[0], want)
	}
	// At a load of 0.1 the slower one should get nothing.
	if w := optimal([]float64{4, 1}, []float64{1, 1}, 0.1, 1); w[1] > 1e-3 {
		t.Errorf("at a low load the slower gets %v", w[1])
	}
}

// TestBestSplitIsBest: no split near the one that is found, and none that one
// would think of, is better in the simulation.
func TestBestSplitIsBest(t *testing.T) {
	all, err := sim.Parse("unequal", []byte(unequal))
	if err != nil {
		t.Fatal(err)
	}
	s, seeds := all[0], []uint64{5, 6}
	mean := func(w mesh.Weights, pick string) float64 {
		sum := 0.0
		for _, seed := range seeds {
			r, err := sim.Run(t.Context(), s, seed, Split(w, pick))
			if err != nil {
				t.Fatal(err)
			}
			sum += r.Mean
		}
		return sum / float64(len(seeds))
	}
	capacity := mesh.Weights(s.Capacities(1))
	random := rand.New(rand.NewPCG(3, 3))
	for _, pick := range []string{"weighted", "weighted_round_robin"} {
		best, err := BestSplit(t.Context(), s, seeds, pick)
		if err != nil {
			t.Fatal(err)
		}
		least := mean(best, pick)
		if x := mean(capacity, pick); x < least {
			t.Errorf("%s: by capacity it is %v, best %v", pick, x, least)
		}
		for range 8 {
			w := make(mesh.Weights, len(best))
			for i := range w {
				w[i] = best[i] * math.Exp(0.1*random.NormFloat64())
			}
			if x := mean(w, pick); x < 0.98*least {
				t.Errorf("%s: %v has a mean of %v, the best, %v, of %v", pick, w, x, best, least)
			}
		}
	}
}

func TestBestSplitRefuses(t *testing.T) {
	s, err := sim.Builtin("prequal-ramp")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := BestSplit(t.Context(), s, []uint64{1}, "weighted"); err == nil {
		t.Error("a scenario whose load changes has a best split")
	}
}
