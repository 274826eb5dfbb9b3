package meshes

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/replay/sim"
)

// draw is the random numbers of one mesh.
type draw struct{ *rand.Rand }

func newDraw(seed uint64) *draw { return &draw{rand.New(rand.NewPCG(seed, 0x3e54))} }

func (d *draw) chance(p float64) bool { return d.Float64() < p }

func (d *draw) between(low, high float64) float64 { return low + (high-low)*d.Float64() }

// log draws such that all orders of magnitude are alike.
func (d *draw) log(low, high float64) float64 { return low * math.Pow(high/low, d.Float64()) }

func (d *draw) count(low, high float64) int { return int(math.Round(d.log(low, high))) }

func (d *draw) duration(low, high, unit time.Duration) time.Duration {
	return time.Duration(d.log(float64(low), float64(high))).Truncate(unit)
}

// windows is a time of so many windows.
func (d *draw) windows(s *sim.Scenario, low, high float64) time.Duration {
	return max(time.Duration(d.log(low, high)*float64(s.Metrics.Step)).Truncate(time.Millisecond), time.Millisecond)
}

func one[T any](d *draw, of ...T) T { return of[d.IntN(len(of))] }

func (d *draw) work() sim.Work {
	w := sim.Work{Mean: d.duration(time.Millisecond, 200*time.Millisecond, time.Microsecond)}
	switch x := d.Float64(); {
	case x < 0.35:
		w.Distribution = sim.Exponential
	case x < 0.65:
		w.Distribution, w.Shape = sim.Lognormal, d.log(0.2, 1.6)
	case x < 0.8:
		w.Distribution = sim.TruncatedNormal
	case x < 0.93:
		w.Distribution, w.Shape, w.Bound = sim.Pareto, d.between(1.2, 2.5), d.log(50, 3000)
	default:
		w.Distribution = sim.Constant
	}
	return w
}

// classes are mostly one; else some requests need more than the others.
func (d *draw) classes(w sim.Work) []sim.Class {
	if d.chance(0.85) {
		return []sim.Class{{Name: "all", Share: 1, Work: w}}
	}
	large := w
	large.Mean = time.Duration(d.log(2, 8) * float64(w.Mean))
	return []sim.Class{{Name: "small", Share: d.log(2, 20), Work: w}, {Name: "large", Share: 1, Work: large}}
}

// metrics are 1 to 5000 mean works apart, between 50 ms and 15 s. A window
// holds two scrapes or some more, which a rate needs.
func (d *draw) metrics(work time.Duration) sim.Metrics {
	m := sim.Metrics{Scrape: d.duration(max(50*time.Millisecond, work), min(15*time.Second, 5000*work), time.Millisecond)}
	m.Step = m.Scrape
	if d.chance(0.15) {
		m.Step *= time.Duration(2 + d.IntN(2))
	}
	m.Range = max(m.Step, m.Scrape*one[time.Duration](d, 2, 2, 2, 3, 3, 4, 5))
	m.Delay = d.duration(time.Millisecond, m.Scrape/2, time.Millisecond)
	if d.chance(0.5) {
		m.Jitter = d.duration(time.Millisecond, m.Scrape/2, time.Millisecond)
	}
	return m
}

func (d *draw) proxies() sim.Proxies {
	p := sim.Proxies{Count: d.count(1, 100)}
	if p.Count > 4 && d.chance(0.2) {
		p.Skew = sim.Skew{Proxies: d.between(0.1, 0.4), Requests: d.between(0.5, 0.9)}
	}
	return p
}

// arrivals come at a load of 0.2 to 0.97, often with steps or bursts.
func (d *draw) arrivals(s *sim.Scenario) sim.Arrivals {
	a := sim.Arrivals{Process: sim.Poisson, Load: d.between(0.2, 0.97)}
	switch x := d.Float64(); {
	case x < 0.25:
		at := s.WarmUp.Seconds()
		for range 1 + d.IntN(3) {
			at += d.between(0.1, 0.3) * (s.Duration - s.WarmUp).Seconds()
			a.Steps = append(a.Steps, sim.Step{At: time.Duration(at * float64(time.Second)), Load: d.between(0.2, 0.97)})
		}
	case x < 0.45:
		a.Process = sim.Bursty
		a.Load = d.between(0.15, 0.75)
		a.Burst = sim.Burst{Factor: d.log(1.5, 6), Share: d.between(0.05, 0.4), Length: d.windows(s, 0.2, 15)}
	case x < 0.5:
		a.Process = sim.Uniform
	}
	return a
}

// decisions are sometimes slow, away, or blind.
func (d *draw) decisions(s *sim.Scenario) sim.Decisions {
	var out sim.Decisions
	if d.chance(0.15) {
		out.Delay = d.windows(s, 0.1, 4)
	}
	from := s.WarmUp + time.Duration(d.between(0, 0.6)*float64(s.Duration-s.WarmUp))
	span := sim.Span{From: from, To: from + d.windows(s, 3, 25)}
	switch x := d.Float64(); {
	case x < 0.05:
		out.Down = span
	case x < 0.1:
		out.Stale = span
	}
	return out
}
