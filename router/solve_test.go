package router

import (
	"math"
	"math/rand/v2"
	"testing"
)

// curveOf is a random convex curve: base + a·λ + b·λ⁴ + c·λ⁸, over a capacity.
func curveOf(r *rand.Rand) func(load float64) float64 {
	base, capacity := 0.005+0.05*r.Float64(), 20+200*r.Float64()
	a, b, c := 0.5*r.Float64(), r.Float64(), 3*r.Float64()
	return func(load float64) float64 {
		x := load / capacity
		return base * (1 + a*x + b*math.Pow(x, 4) + c*math.Pow(x, 8))
	}
}

// cheapest is the least total cost on a grid of three loads.
func cheapest(total, floor float64, cost []func(float64) float64) float64 {
	const steps = 400
	best := math.Inf(1)
	for i := range steps + 1 {
		for j := range steps + 1 - i {
			a, b := total*float64(i)/steps, total*float64(j)/steps
			c := total - a - b
			if min(a, b, c) < floor {
				continue
			}
			best = min(best, a*cost[0](a)+b*cost[1](b)+c*cost[2](c))
		}
	}
	return best
}

// TestSolveIsOptimal compares with brute force, which must not be better.
func TestSolveIsOptimal(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s solver
	for trial := range 60 {
		cost := []func(float64) float64{curveOf(r), curveOf(r), curveOf(r)}
		total := math.Exp(r.Float64()*5 + 1)
		floor := 0.01 * total
		loads := make([]float64, 3)
		if !s.solve(loads, total, floor, func(i int, load float64) float64 { return cost[i](load) }) {
			t.Fatal("not solved")
		}
		sum, spent := 0.0, 0.0
		for i, load := range loads {
			if load < floor*(1-1e-9) {
				t.Errorf("trial %d: load %v is below the floor %v", trial, load, floor)
			}
			sum, spent = sum+load, spent+load*cost[i](load)
		}
		near(t, "sum of loads", sum, total, 1e-9*total)
		if least := cheapest(total, floor, cost); spent > least*1.0005 {
			t.Errorf("trial %d: cost %v; the grid has %v", trial, spent, least)
		}
	}
}

func TestSolveEqualisesMarginalCost(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	cost := make([]func(float64) float64, 40)
	for i := range cost {
		cost[i] = curveOf(r)
	}
	var s solver
	loads := make([]float64, len(cost))
	if !s.solve(loads, 3000, 0, func(i int, load float64) float64 { return cost[i](load) }) {
		t.Fatal("not solved")
	}
	low, high := math.Inf(1), 0.0
	for i, load := range loads {
		if load < 1 {
			continue
		}
		marginal := ((load+.01)*cost[i](load+.01) - (load-.01)*cost[i](load-.01)) / .02
		low, high = min(low, marginal), max(high, marginal)
	}
	if high > low*1.05 {
		t.Errorf("marginal costs from %v to %v; want them equal", low, high)
	}
}

func TestSolveSharesWhatIsAlike(t *testing.T) {
	var s solver
	loads := make([]float64, 4)
	for name, cost := range map[string]func(int, float64) float64{
		"flat":      func(int, float64) float64 { return 0.02 },
		"free":      func(int, float64) float64 { return 0 },
		"saturated": func(_ int, load float64) float64 { return min(0.02+load, 1) },
	} {
		if !s.solve(loads, 100, 0, cost) {
			t.Fatalf("%s: not solved", name)
		}
		for _, load := range loads {
			near(t, name+": load", load, 25, 1e-6)
		}
	}
}

// TestSolveDoesNotFeedTheDrowned: where one endpoint is at its deadline at any
// load, more load makes its own cost no worse, and yet it must get the floor.
func TestSolveDoesNotFeedTheDrowned(t *testing.T) {
	var s solver
	loads := make([]float64, 2)
	s.solve(loads, 100, 1, func(i int, load float64) float64 {
		if i == 0 {
			return 1
		}
		return 0.02 * (1 + math.Pow(load/200, 4))
	})
	near(t, "load of the drowned", loads[0], 1, 1e-6)
}

func TestSolveRefusesWhatIsNotFinite(t *testing.T) {
	var s solver
	if s.solve(make([]float64, 2), 10, 0, func(i int, load float64) float64 { return math.NaN() }) {
		t.Error("solved NaN")
	}
}

func TestRaise(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		weights, skip, sum := make([]float64, 8), make([]bool, 8), 0.0
		for i := range weights {
			if weights[i] = math.Pow(r.Float64(), 8); i < 2 {
				weights[i], skip[i] = 0, true
			}
			sum += weights[i]
		}
		for i := range weights {
			weights[i] /= sum
		}
		raise(weights, 0.02, skip)
		sum = 0
		for i, w := range weights {
			sum += w
			if skip[i] != (w == 0) || !skip[i] && w < 0.02-1e-12 {
				t.Fatalf("weight %d is %v", i, w)
			}
		}
		near(t, "sum", sum, 1, 1e-12)
	}
}

func BenchmarkSolve(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	cost := make([]func(float64) float64, 16)
	for i := range cost {
		cost[i] = curveOf(r)
	}
	var s solver
	loads := make([]float64, len(cost))
	b.ReportAllocs()
	for b.Loop() {
		s.solve(loads, 800, 1, func(i int, load float64) float64 { return cost[i](load) })
	}
}
