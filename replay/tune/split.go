package tune

import (
	"context"
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// Split is a split of the traffic that never changes, by a picker that takes
// weights, such as weighted (draws) or weighted_round_robin (in turn).
func Split(w mesh.Weights, pick string) router.Strategy {
	return router.Strategy{Name: "static split, " + pick, Picker: func(c picker.Config) picker.Picker {
		c.Weights = w
		p, err := picker.Named(pick, c)
		if err != nil {
			panic(err) // as router.Strategy says
		}
		return p
	}}
}

// BestSplit is the static split of least mean cost in a scenario without faults,
// for who knows the capacities of the endpoints, which must be the same with
// all seeds. It is searched among the splits that are optimal for queues of some
// variability (see optimal): that of Poisson arrivals and exponential work is 1,
// and picks in turn come more evenly. Each is simulated with the seeds, so it is
// the best for these very arrivals.
func BestSplit(ctx context.Context, s *sim.Scenario, seeds []uint64, pick string) (mesh.Weights, error) {
	capacities := s.Capacities(seeds[0])
	load := s.Arrivals.Load
	if load == 0 || len(s.Arrivals.Steps) > 0 {
		return nil, fmt.Errorf("tune: scenario %s: want one load, of which a split can be the best", s.Name)
	}
	workers := servers(s)
	cost := func(variability float64) (float64, error) {
		sum := 0.0
		for _, seed := range seeds {
			r, err := sim.Run(ctx, s, seed, Split(optimal(capacities, workers, load, variability), pick))
			if err != nil {
				return 0, err
			}
			sum += r.Mean
		}
		return sum, nil
	}
	best, err := golden(math.Log(0.02), math.Log(4), 11, func(x float64) (float64, error) { return cost(math.Exp(x)) })
	if err != nil {
		return nil, err
	}
	return optimal(capacities, workers, load, math.Exp(best)), nil
}

// servers are how many requests each endpoint serves at once.
func servers(s *sim.Scenario) []float64 {
	var out []float64
	for _, g := range s.Groups {
		for range g.Count {
			out = append(out, g.Workers)
		}
	}
	return out
}

// optimal splits the load such that the next request costs the same wherever it
// goes, at most as much as where nothing goes: Σ λ·R(λ) is then least. R is
// Sakasegawa's approximation of a queue of m servers, a part ρ of which is busy:
//
//	R = 1/µ · (1 + v·ρ^a / (m·(1 − ρ))), a = √(2(m + 1)) − 1
//
// with a variability v that is 1 for M/M/m.
func optimal(capacities, servers []float64, load, v float64) mesh.Weights {
	total := 0.0
	for _, c := range capacities {
		total += c
	}
	w := make(mesh.Weights, len(capacities))
	low, high := 0.0, 0.0 // of what the next request costs
	for i, c := range capacities {
		high = max(high, marginal(0.9999, servers[i], c, v))
	}
	for range 200 {
		price := (low + high) / 2
		sum := 0.0
		for i, c := range capacities {
			w[i] = c * busy(price, servers[i], c, v)
			sum += w[i]
		}
		if sum < load*total {
			low = price
		} else {
			high = price
		}
	}
	sum := 0.0
	for _, x := range w {
		sum += x
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}

// marginal is the derivative of λ·R(λ) at a part ρ of the capacity.
func marginal(rho, m, capacity, v float64) float64 {
	a := math.Sqrt(2*(m+1)) - 1
	return (m + v*((a+1)*math.Pow(rho, a)/(1-rho)+math.Pow(rho, a+1)/math.Pow(1-rho, 2))) / capacity
}

// busy is the part of the capacity at which the next request has the price.
func busy(price, m, capacity, v float64) float64 {
	low, high := 0.0, 0.9999
	for range 60 {
		if mid := (low + high) / 2; marginal(mid, m, capacity, v) < price {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// golden looks for the least value between low and high, by n evaluations.
func golden(low, high float64, n int, f func(float64) (float64, error)) (float64, error) {
	ratio := (math.Sqrt(5) - 1) / 2
	a, b := high-ratio*(high-low), low+ratio*(high-low)
	fa, err := f(a)
	if err != nil {
		return 0, err
	}
	fb, err := f(b)
	for range n - 2 {
		if err != nil {
			return 0, err
		}
		if fa <= fb {
			high, b, fb = b, a, fa
			a = high - ratio*(high-low)
			fa, err = f(a)
		} else {
			low, a, fa = a, b, fb
			b = low + ratio*(high-low)
			fb, err = f(b)
		}
	}
	if fa <= fb {
		return a, err
	}
	return b, err
}
