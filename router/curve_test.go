package router

import (
	"math"
	"testing"
)

// busyCurve is a curve of an endpoint with so many requests that loads do not
// vary by chance.
type busyCurve struct {
	curve
	a, c float64
}

func (m *busyCurve) see(windows int, tolerance float64, prior float64, load, latency float64) {
	r := rows(1)[0]
	const many = 1e6
	r.rate, r.mean, r.capacity, r.moved = many*load, latency/many, many*prior, 0
	m.observe(looking(0, r), 0, windows, tolerance)
	m.a, m.c = m.A*many, m.C/many
}

func TestCurveFit(t *testing.T) {
	var c busyCurve
	c.see(24, 0.3, 50, 20, 0.02/(1-20.0/80)) // one point: with the capacity that the features know
	near(t, "c of one point", c.c, 50, 1e-4)
	near(t, "a of one point", c.a, 0.02/(1-20.0/80)*(1-20.0/50), 1e-9)
	for _, load := range []float64{30, 40, 60} {
		c.see(24, 10, 50, load, 0.02/(1-load/80))
	}
	near(t, "a", c.a, 0.02, 1e-5)
	near(t, "c", c.c, 80, 1e-2)

	c = busyCurve{}
	for range 10 { // loads that never vary tell no slope
		c.see(24, 0.3, nan, 20, 0.05)
	}
	near(t, "c without anything", c.c, 40, 1e-9)
	near(t, "a", c.a, 0.025, 1e-9)
	for range 10 { // nor do latencies that fall with the load
		c.see(4, 10, 100, 20, 0.05)
		c.see(4, 10, 100, 30, 0.04)
	}
	near(t, "the prior", c.c, 100, 1e-4)
	if len(c.Points) != 4 {
		t.Errorf("%d points are kept; want 4", len(c.Points))
	}
}

// TestCurveRescales: an endpoint that becomes half as fast is known to after three
// windows, though most are of the time before.
func TestCurveRescales(t *testing.T) {
	var c busyCurve
	for k := range 20 {
		load := 20 + float64(k)
		c.see(24, 0.3, 80, load, 0.02/(1-load/80))
	}
	for _, load := range []float64{25, 15, 20} {
		c.see(24, 0.3, 80, load, 0.04/(1-load/40))
	}
	near(t, "a", c.a, 0.04, 1e-4)
	near(t, "c", c.c, 40, 0.1)
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
	s := fleetOf{[]float64{400, 600, 800, 1200, 1200, 2000, 2000, 3000}}
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
		total = 2400 * (1 + 0.1*math.Sin(float64(k)))
		for i, c := range s.capacities {
			load := total * weights[i]
			list[i].rate, list[i].mean, list[i].capacity = load, 1/(c-load), 1400
		}
		d := decide(t, p, looking(k, list...))
		moved := 0.0
		for i, w := range d.Weights {
			moved += math.Abs(w-weights[i]) / 2
		}
		if k > 0 && moved > 0.25+1e-9 {
			t.Errorf("window %d moves %v of the traffic", k, moved)
		}
		copy(weights, d.Weights)
	}
	total = 2400
	if got, best := s.latency(weights, total), s.best(total); got > 1.01*best || got < best-1e-9 {
		t.Errorf("mean latency %v with %v; the best is %v", got, weights, best)
	} else {
		t.Logf("mean latency %.6f s, the best is %.6f s, equal weights %v", got, best, s.latency([]float64{.125, .125, .125, .125, .125, .125, .125, .125}, total))
	}
}

// TestCurveSolverTakesAStepBack when the latency gets worse with it, and goes on
// when it gets worse without it.
func TestCurveSolverTakesAStepBack(t *testing.T) {
	for _, c := range []struct {
		latencies []float64
		away      []bool // from equal weights, after that window
	}{
		{[]float64{0.020, 0.020, 0.040, 0.030, 0.030, 0.030}, []bool{false, true, false, false, true, true}},
		{[]float64{0.020, 0.020, 0.040, 0.060, 0.080, 0.100}, []bool{false, true, false, true, true, true}},
	} {
		p := CurveSolver(defaults(curveParameters, nil), DefaultConfig())
		list := rows(2)
		for k, latency := range c.latencies {
			list[0].mean, list[1].mean = latency, latency
			if k > 0 { // told to differ; the latencies say nothing of it
				list[0].capacity, list[1].capacity = 200, 25
			}
			if w := decide(t, p, looking(k, list...)).Weights[0]; (w > 0.5+1e-6) != c.away[k] {
				t.Errorf("latencies %v: window %d has %v", c.latencies, k, w)
			}
		}
	}
}
