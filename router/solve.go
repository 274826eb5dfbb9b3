package router

import (
	"math"

	"github.com/fairway-mesh/fairway/router/rules"
)

// solver splits a load over endpoints such that the total cost per second,
// Σ λᵢ·costᵢ(λᵢ), is least: every endpoint that gets more than its floor then
// has the same marginal cost d(λ·cost(λ))/dλ, the price. The price is found by
// bisection (water-filling; Boyd and Vandenberghe, Convex Optimization, 5.5.3).
//
// The marginal cost is tabulated and made nondecreasing by its running
// maximum. A cost that stops rising at the deadline would otherwise make a
// drowned endpoint look free: more load on it makes nothing worse. Choosing
// the cheapest endpoint outright was rejected: on metrics that are seconds old
// it sends everybody to the same place (Dahlin, TPDS 2000).
type solver struct {
	grid     []float64 // loads
	marginal []float64 // endpoints × grid, row by row
	low      []float64
	most     float64 // total
}

// gridSize is the number of loads at which a marginal cost is tabulated. They
// stand closer at small loads, where most endpoints of a large service are.
const gridSize = 128

// solve writes the loads, which sum to total > 0 and are at least floor each
// (floor × endpoints ≤ total). It returns false if a cost is not finite.
func (s *solver) solve(loads []float64, total, floor float64, cost func(i int, load float64) float64) bool {
	n := len(loads)
	if !s.tabulate(n, total, cost) {
		return false
	}
	below, above := math.Inf(1), 0.0
	for i := range n {
		row := s.row(i)
		below, above = min(below, row[0]), max(above, row[gridSize-1])
	}
	below -= 1e-12 + math.Abs(below)*1e-9 // nobody takes more than the floor at this price
	for range 100 {
		price := (below + above) / 2
		if price <= below || price >= above {
			break
		}
		if s.demand(loads, price, floor) < total {
			below = price
		} else {
			above = price
		}
	}
	// Between the two prices a flat marginal cost makes the demand jump; the
	// jump is shared in proportion.
	s.low = sized(s.low, n)
	least, most := s.demand(s.low, below, floor), s.demand(loads, above, floor)
	part := 1.0
	if most > least {
		part = (total - least) / (most - least)
	}
	for i := range loads {
		loads[i] = s.low[i] + part*(loads[i]-s.low[i])
	}
	return true
}

// tabulate fills the marginal costs of n endpoints at loads from 0 to total:
// the slopes of λ·cost between the edges of a grid, at the middles.
func (s *solver) tabulate(n int, total float64, cost func(i int, load float64) float64) bool {
	s.most, s.grid, s.marginal = total, sized(s.grid, gridSize), sized(s.marginal, n*gridSize)
	edge := func(k int) float64 {
		part := float64(k) / gridSize
		return total * part * part * part
	}
	for k := range s.grid {
		s.grid[k] = (edge(k) + edge(k+1)) / 2
	}
	for i := range n {
		row, spent := s.row(i), 0.0
		for k := range row {
			load := edge(k + 1)
			now := load * cost(i, load)
			row[k] = (now - spent) / (load - edge(k))
			if spent = now; math.IsNaN(row[k]) || math.IsInf(row[k], 0) {
				return false
			}
			if k > 0 {
				row[k] = max(row[k], row[k-1])
			}
		}
	}
	return true
}

func (s *solver) row(i int) []float64 { return s.marginal[i*gridSize : (i+1)*gridSize] }

// demand writes the load that each endpoint takes at a price, the largest with
// a marginal cost of at most the price, and returns their sum.
func (s *solver) demand(loads []float64, price, floor float64) (sum float64) {
	for i := range loads {
		loads[i] = max(floor, s.taken(s.row(i), price))
		sum += loads[i]
	}
	return sum
}

func (s *solver) taken(row []float64, price float64) float64 {
	k, end := 0, len(row) // the first marginal cost above the price
	for k < end {
		if middle := (k + end) / 2; row[middle] <= price {
			k = middle + 1
		} else {
			end = middle
		}
	}
	switch k {
	case 0:
		return 0
	case len(row):
		return s.most
	}
	part := (price - row[k-1]) / (row[k] - row[k-1])
	return s.grid[k-1] + part*(s.grid[k]-s.grid[k-1])
}

// raise lifts the weights that are below floor to it, at the cost of the
// others in proportion; endpoints that skip names are left alone. The weights
// sum to 1 before and after.
func raise(weights []float64, floor float64, skip []bool) {
	for range weights { // each pass lifts at least one more, or ends
		lifted, rest, short := 0.0, 0.0, false
		for i, w := range weights {
			switch {
			case skip != nil && skip[i]:
			case w <= floor:
				lifted += floor
				short = short || w < floor
			default:
				rest += w
			}
		}
		if !short || rest <= 0 || lifted >= 1 {
			return
		}
		for i, w := range weights {
			switch {
			case skip != nil && skip[i]:
			case w <= floor:
				weights[i] = floor
			default:
				weights[i] = w * (1 - lifted) / rest
			}
		}
	}
}

// floorWeight is the least weight of one of n endpoints.
func floorWeight(l rules.Limits, n int) float64 { return l.Floor / float64(max(n, 1)) }

// sized returns a slice of length n, of s's memory if that is enough. Its
// content is not defined.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
