package meshes

import (
	"fmt"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/replay/sim"
)

// The first seeds of meshes whose endpoints break down, by what they are for;
// each use has Seeds of them.
const (
	FailingTraining   = 4_000_000
	FailingValidation = 5_000_000
	FailingTest       = 6_000_000
)

// What a failing mesh may cost, and what a window must hold for its p99 to say
// something.
const (
	failingRequests     = 1_500_000 // meant; the smallest meshes of fast requests have more
	mostFailingRequests = 2_500_000
	fewestInWindow      = 50 // requests per endpoint
)

// Failing draws the mesh of a seed in which endpoints break down, to learn and
// to judge forecasts of failures by. It is to be run with that seed too, under
// FailingShares. It is healthy most of the time; what happens is drawn without
// regard to what is seen:
//
//   - ramps of memory, latency or errors that end in a failure, half of which
//     recover by themselves before; a few of several endpoints at once;
//   - failures that nothing announces;
//   - what is none: steps of the load, bursts, restarts, a few errors, and
//     endpoints that are somewhat slower for a time.
//
// The drawing is frozen: a test holds what it gives. Forecasts that were tuned
// on some of its seeds are judged on others.
func Failing(seed uint64) *sim.Scenario {
	d := newDraw(seed)
	for {
		s, ok := d.failing()
		if !ok {
			continue
		}
		if requests, scrapes := cost(s, seed); requests > mostFailingRequests || scrapes > mostScrapes {
			continue
		}
		s.Name = fmt.Sprintf("mesh-%d", seed)
		s.About = "Drawn at random; its endpoints break down."
		s.Source = fmt.Sprintf("package meshes, failing, seed %d", seed)
		return s
	}
}

// failing draws all parts, and reports whether its windows hold enough.
func (d *draw) failing() (*sim.Scenario, bool) {
	work := sim.Work{Mean: d.duration(2*time.Millisecond, 200*time.Millisecond, time.Microsecond)}
	switch x := d.Float64(); {
	case x < 0.4:
		work.Distribution = sim.Exponential
	case x < 0.75:
		work.Distribution, work.Shape = sim.Lognormal, d.log(0.2, 1.1)
	case x < 0.9:
		work.Distribution = sim.TruncatedNormal
	default:
		work.Distribution, work.Shape, work.Bound = sim.Pareto, d.between(1.6, 2.5), d.log(30, 200)
	}
	s := &sim.Scenario{Seeds: 1, Work: work, Classes: []sim.Class{{Name: "all", Share: 1, Work: work}}}
	s.Network = d.duration(50*time.Microsecond, 2*time.Millisecond, time.Microsecond)
	s.Metrics = d.failingMetrics()
	s.Duration = d.windows(s, 300, 600)
	s.WarmUp = d.windows(s, 4, 12)
	s.Deadline = d.duration(max(time.Second, 10*work.Mean), 10*time.Second, time.Millisecond)
	s.Proxies = sim.Proxies{Count: d.count(1, 8)}
	load := d.between(0.3, 0.8)
	s.Groups = d.failingGroups(s, load)
	s.Arrivals = d.benignArrivals(s, load)
	least := load * s.Groups[0].Workers * s.Groups[0].Speed.Values[0] / work.Mean.Seconds() * s.Metrics.Range.Seconds()
	if least < fewestInWindow {
		return nil, false
	}
	if d.chance(0.15) {
		s.Antagonists = []sim.Antagonist{{Kind: sim.Fluctuating, Interval: d.windows(s, 0.1, 2), Factor: d.between(0.85, 1.2)}}
	}
	s.Events = d.breakdowns(s, load)
	return s, true
}

// failingMetrics are looked at every 5 to 15 s.
func (d *draw) failingMetrics() sim.Metrics {
	m := sim.Metrics{Step: d.duration(5*time.Second, 15*time.Second, 10*time.Millisecond)}
	m.Scrape = m.Step
	if d.chance(0.3) {
		m.Scrape = m.Step / 2
	}
	m.Range = m.Step * one[time.Duration](d, 2, 2, 2, 3, 4)
	m.Delay = d.duration(100*time.Millisecond, m.Scrape/2, time.Millisecond)
	m.Jitter = d.duration(time.Millisecond, m.Scrape/2, time.Millisecond)
	return m
}

// failingGroups are 3 to 40 endpoints, as many as the cost allows, the slowest
// first. Their speeds are not far apart: one limit of the latency is theirs.
func (d *draw) failingGroups(s *sim.Scenario, load float64) []sim.Group {
	g := sim.Group{Count: d.count(4, 40), Workers: float64(d.count(1, 8)), Discipline: sim.FIFO, Memory: d.log(64e6, 2e9), Speed: sim.Speed{Values: []float64{1}}}
	if d.chance(0.4) {
		g.Discipline = sim.Sharing
	}
	if d.chance(0.3) {
		g.Queue = int(math.Ceil(g.Workers * d.log(20, 200)))
	}
	if one := load * s.Duration.Seconds() / s.Work.Mean.Seconds(); float64(g.Count)*g.Workers*one > failingRequests {
		g.Workers = max(1, min(g.Workers, math.Floor(failingRequests/(4*one))))
		g.Count = max(3, min(g.Count, int(failingRequests/(g.Workers*one))))
	}
	g.Burst = g.Workers
	if d.chance(0.5) {
		return []sim.Group{g}
	}
	slow, k := g, 1+d.IntN(g.Count-1)
	slow.Count, slow.Speed.Values = k, []float64{d.between(0.7, 1)}
	g.Count -= k
	return []sim.Group{slow, g}
}

// spare is by what factor the load may grow without harm: to 85 % at most, and
// such that queues grow to some 1.7 times.
func spare(load float64) float64 { return min(0.85, 1-(1-load)/1.7) / load }

// benignArrivals come at the load, with steps or bursts that do no harm.
func (d *draw) benignArrivals(s *sim.Scenario, load float64) sim.Arrivals {
	a := sim.Arrivals{Process: sim.Poisson, Load: load}
	most := spare(load)
	switch x := d.Float64(); {
	case x < 0.35:
		at := s.WarmUp.Seconds()
		for range 1 + d.IntN(3) {
			at += d.between(0.1, 0.3) * (s.Duration - s.WarmUp).Seconds()
			a.Steps = append(a.Steps, sim.Step{At: time.Duration(at * float64(time.Second)), Load: load * d.between(1/most, math.Sqrt(most))})
		}
	case x < 0.65:
		a.Process = sim.Bursty
		factor, share := d.between(1.1, max(most, 1.15)), d.between(0.05, 0.4)
		a.Burst = sim.Burst{Factor: factor, Share: share, Length: d.windows(s, 0.2, 15)}
		a.Load = load * (1 - share + share*factor) / math.Sqrt(factor)
	}
	return a
}
