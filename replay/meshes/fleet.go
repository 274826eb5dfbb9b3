package meshes

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/replay/sim"
)

// groups are 3 to 100 endpoints: equal ones, two speeds, a slow one, or speeds
// that the seed draws; in one zone or three.
func (d *draw) groups() []sim.Group {
	g := sim.Group{Workers: float64(d.count(1, 20)), Discipline: sim.FIFO, Memory: d.log(64e6, 2e9)}
	if d.chance(0.4) {
		g.Discipline, g.Workers = sim.Sharing, d.log(1, 20)
	}
	if g.Burst = g.Workers; g.Discipline == sim.Sharing && d.chance(0.3) {
		g.Burst *= d.between(1, 3.5)
	}
	if d.chance(0.2) {
		g.Queue = max(4, int(math.Ceil(g.Burst*d.log(5, 200))))
	}
	n := d.count(3, 100)
	var groups []sim.Group
	add := func(count int, speed sim.Speed) {
		g := g
		g.Count, g.Speed = count, speed
		groups = append(groups, g)
	}
	even := sim.Speed{Values: []float64{1}}
	slow := sim.Speed{Values: []float64{d.log(0.1, 0.9)}}
	switch x := d.Float64(); {
	case x < 0.3:
		add(n, even)
	case x < 0.55:
		k := 1 + d.IntN(n-1)
		add(k, even)
		add(n-k, slow)
	case x < 0.7:
		add(n-1, even)
		add(1, slow)
	default:
		add(n, sim.Speed{Spread: d.log(1.2, 6)})
	}
	if d.chance(0.25) {
		return d.zoned(groups)
	}
	return groups
}

// zoned spreads each group over three zones.
func (d *draw) zoned(groups []sim.Group) []sim.Group {
	var out []sim.Group
	for _, g := range groups {
		rest := g.Count
		for i, zone := range []string{"a", "b", "c"} {
			part := g
			part.Count, part.Zone = rest/(3-i), zone
			if rest -= part.Count; part.Count > 0 {
				out = append(out, part)
			}
		}
	}
	return out
}

// antagonists are rare; tenants take cores only where they can be shared.
func (d *draw) antagonists(s *sim.Scenario) []sim.Antagonist {
	switch x := d.Float64(); {
	case x < 0.15:
		return []sim.Antagonist{{Kind: sim.Fluctuating, Interval: d.duration(10*time.Millisecond, 30*time.Second, time.Millisecond), Factor: d.log(0.3, 3.5)}}
	case x < 0.35 && s.Groups[0].Discipline == sim.Sharing:
		return []sim.Antagonist{{
			Kind: sim.Tenants, Interval: d.windows(s, 2, 40), Hot: d.between(0, 0.35), Floor: d.between(0.65, 1),
			Drag: d.between(1, 1.4), Free: d.between(0.3, 0.9), Shape: d.between(1.2, 2.5),
		}}
	}
	return nil
}

// events are up to three kinds of faults, in half of the meshes.
func (d *draw) events(s *sim.Scenario) []sim.Event {
	var out []sim.Event
	if d.chance(0.45) {
		return nil
	}
	for range 1 + d.IntN(3) {
		out = append(out, d.event(s))
	}
	return out
}

// event draws a fault after the warm-up: all that its kind needs, and nothing
// that is longer than a third of the run.
func (d *draw) event(s *sim.Scenario) sim.Event {
	long := s.Duration / 3
	e := sim.Event{
		Kind: one(d, sim.Slow, sim.Slow, sim.Fixed, sim.Stall, sim.Crash, sim.Lost, sim.Errors, sim.SinkHole, sim.Leak, sim.Saturation, sim.Restart),
		At:   s.WarmUp/2 + time.Duration(d.between(0, 0.75)*float64(s.Duration-s.WarmUp)),
		For:  min(d.windows(s, 2, 40), long),
	}
	e.Select = sim.Select{Any: 1 + d.IntN(max(1, s.Count()/4))}
	if s.Groups[0].Zone != "" && d.chance(0.4) {
		e.Select = sim.Select{Zone: s.Groups[d.IntN(len(s.Groups))].Zone}
	}
	if d.chance(0.6) {
		e.Every = min(d.windows(s, 0.5, 15), s.Duration)
	}
	switch e.Kind {
	case sim.Slow:
		e.Factor = d.log(1.5, 10)
	case sim.Fixed:
		e.Latency = d.duration(s.Work.Mean, 2*s.Deadline, time.Microsecond)
	case sim.Errors:
		e.Ratio = d.log(0.005, 0.6)
	case sim.SinkHole:
		e.Ratio = d.between(0.3, 1)
	case sim.Leak, sim.Saturation:
		e.Lead = min(d.windows(s, 3, 40), long)
		e.Recovers = max(0, d.between(-0.3, 0.9))
	case sim.Restart:
		if d.chance(0.5) {
			e.Select = sim.Select{All: true}
		}
		e.Down, e.Warm, e.Factor = d.windows(s, 0.3, 4), d.windows(s, 0.5, 10), d.log(1.2, 8)
		e.For = e.Down + e.Warm
	}
	return e
}
