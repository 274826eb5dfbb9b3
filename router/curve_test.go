package router

import (
	"math"
	"testing"
)

func (c *curve) see(windows int, tolerance float64, prior float64, load, latency float64) {
	r := rows(1)[0]
	r.rate, r.mean, r.capacity, r.moved = load, latency, prior, 0
	c.observe(looking(0, r), 0, windows, tolerance)
}

func TestCurveFit(t *testing.T) {
	var c curve
	c.see(24, 0.3, 50, 20, 0.02/(1-20.0/80)) // one point: with the capacity that the features know
	near(t, "c of one point", c.C, 50, 1e-6)
	near(t, "latency at it", c.latency(20), 0.02/(1-20.0/80), 1e-9)
	for _, load := range []float64{30, 40, 60} {
		c.see(24, 10, 50, load, 0.02/(1-load/80))
	}
	near(t, "a", c.A, 0.02, 1e-9)
	near(t, "c", c.C, 80, 1e-6)

	c = curve{}
	for range 10 { // loads that never vary tell no slope
		c.see(24, 0.3, nan, 20, 0.05)
	}
	near(t, "c without anything", c.C, 40, 1e-9)
	near(t, "a", c.A, 0.025, 1e-9)
	for range 10 { // nor do latencies that fall with the load
		c.see(4, 10, 100, 20, 0.05)
		c.see(4, 10, 100, 30, 0.04)
	}
	near(t, "the prior", c.C, 100, 1e-9)
	if len(c.Points) != 4 {
		t.Errorf("%d points are kept; want 4", len(c.Points))
	}
}

// TestCurveRescales: an endpoint that becomes half as fast is known to at once,
// though its windows are of the time before.
func TestCurveRescales(t *testing.T) {
	var c curve
	for k := range 20 {
		load := 20 + float64(k)
		c.see(24, 0.3, 80, load, 0.02/(1-load/80))
	}
	c.see(24, 0.3, 80, 25, 0.04/(1-25.0/40))
	near(t, "a", c.A, 0.04, 0.002)
	near(t, "c", c.C, 40, 1)
}

func TestCurveGoesOnAsALine(t *testing.T) {
	c := curve{A: 0.02, C: 100}
	near(t, "continuous", c.latency(98+1e-9), c.latency(98-1e-9), 1e-6)
	slope := func(x float64) float64 { return (c.latency(x+1e-4) - c.latency(x-1e-4)) / 2e-4 }
	near(t, "smooth", slope(98.001)/slope(97.999), 1, 1e-2)
	if x := c.latency(1e6); math.IsInf(x, 0) || x < 1000 {
		t.Errorf("far beyond: %v", x)
	}
}

// fleetOf is a service of M/M/1 endpoints.
type fleetOf struct{ capacities []float64 }

func (s fleetOf) latency(weights []float64, total float64) float64 {
	sum := 0.0
	for i, c := range s.capacities {
		load := total * weights[i]
		if load >= c {
			return math.Inf(1)
		}
		sum += weights[i] / (c - load)
	}
	return sum
}

// best is the least mean latency, in closed form: √-weighted spare capacity,
// with the slow endpoints left out for which that would be less than nothing.
func (s fleetOf) best(total float64) float64 {
	open := append([]float64(nil), s.capacities...)
	for {
		spare, roots := -total, 0.0
		for _, c := range open {
			spare, roots = spare+c, roots+math.Sqrt(c)
		}
		cost, kept := 0.0, open[:0:0]
		for _, c := range open {
			if load := c - math.Sqrt(c)*spare/roots; load > 0 {
				kept = append(kept, c)
				cost += load / (c - load) / total
			}
		}
		if len(kept) == len(open) {
			return cost
		}
		open = kept
	}
}

// TestCurveSolverFindsTheOptimum of an M/M/1 fleet whose load varies, from
// capacities that are all taken for the same at first.
func TestCurveSolverFindsTheOptimum(t *testing.T) {
	s := fleetOf{[]float64{20, 30, 40, 60, 60, 100, 100, 150}}
	cfg := DefaultConfig()
	cfg.Rules = ruleSet(t, "services: [{name: checkout, limits: {floor: 0}}]")
	p := CurveSolver(defaults(curveParameters, nil), cfg)
	list := rows(len(s.capacities))
	weights := make([]float64, len(list))
	for i := range weights {
		weights[i] = 1 / float64(len(weights))
	}
	total := 0.0
	for k := range 150 {
		total = 120 * (1 + 0.1*math.Sin(float64(k)))
		for i, c := range s.capacities {
			load := total * weights[i]
			list[i].rate, list[i].mean, list[i].capacity = load, 1/(c-load), 70
		}
		d := decide(t, p, looking(k, list...))
		moved := 0.0
		for i, w := range d.Weights {
			moved += math.Abs(w-weights[i]) / 2
		}
		if moved > 0.25+1e-9 {
			t.Errorf("window %d moves %v of the traffic", k, moved)
		}
		copy(weights, d.Weights)
	}
	total = 120
	if got, best := s.latency(weights, total), s.best(total); got > 1.01*best || got < best-1e-9 {
		t.Errorf("mean latency %v with %v; the best is %v", got, weights, best)
	} else {
		t.Logf("mean latency %.6f s, the best is %.6f s, equal weights %v", got, best, s.latency([]float64{.125, .125, .125, .125, .125, .125, .125, .125}, total))
	}
}

// TestCurveSolverTakesAStepBack when the latency gets worse with it.
func TestCurveSolverTakesAStepBack(t *testing.T) {
	p := CurveSolver(defaults(curveParameters, nil), DefaultConfig())
	list := rows(2)
	see := func(k int, latency float64) float64 {
		list[0].mean, list[0].capacity = latency, 200 // told to be able; the latency says otherwise
		list[1].mean, list[1].capacity = latency, 25
		return decide(t, p, looking(k, list...)).Weights[0]
	}
	first := see(0, 0.020)
	if first <= 0.5 {
		t.Fatalf("the first step goes to %v", first)
	}
	near(t, "a worse window: back", see(1, 0.040), 0.5, 1e-9)
	if again := see(2, 0.020); again <= 0.5 {
		t.Errorf("and once more: %v", again)
	}
}
