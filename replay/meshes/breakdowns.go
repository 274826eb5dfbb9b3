package meshes

import (
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/replay/sim"
)

// calendar keeps the events of one endpoint apart: each begins when the one
// before, and its aftermath, are long over.
type calendar struct {
	taken [][]span // by endpoint
}

type span struct{ from, to time.Duration }

// free reports whether all of the endpoints have nothing in the span.
func (c *calendar) free(endpoints []int, s span) bool {
	for _, i := range endpoints {
		if slices.ContainsFunc(c.taken[i], func(t span) bool { return s.from < t.to && t.from < s.to }) {
			return false
		}
	}
	return true
}

func (c *calendar) take(endpoints []int, s span) {
	for _, i := range endpoints {
		c.taken[i] = append(c.taken[i], s)
	}
}

// breakdowns are what happens in a mesh: mostly ramps, some per three
// two endpoints; in one mesh of eight only what does no harm.
func (d *draw) breakdowns(s *sim.Scenario, load float64) []sim.Event {
	n := s.Count()
	c := &calendar{make([][]span, n)}
	var out []sim.Event
	add := func(count float64, draw func() sim.Event) {
		for range int(count + d.Float64()) {
			e := draw()
			if at, ok := d.slot(s, c, e); ok {
				e.At = at
				out = append(out, e)
			}
		}
	}
	if !d.chance(0.125) {
		each := d.log(0.25, 1) * float64(n) * s.Duration.Seconds() / s.Metrics.Step.Seconds() / 450
		add(each, func() sim.Event { return d.ramp(s, load) })
		add(each*d.between(0, 0.3), func() sim.Event { return d.sudden(s, load) })
	}
	if d.chance(0.5) {
		add(d.between(0.3, 2), func() sim.Event { return d.deployment(s) })
	}
	add(d.between(0, 0.3)*float64(n), func() sim.Event { return d.disturbance(s) })
	if d.chance(0.3) { // some requests fail always
		out = append(out, sim.Event{Kind: sim.Errors, For: s.Duration, Ratio: d.log(0.0005, 0.008), Select: sim.Select{All: true}})
	}
	return out
}

// slot finds a time at which the endpoints of an event are free, if there is
// one, and takes it. The last of the recording is left to show what came of it.
func (d *draw) slot(s *sim.Scenario, c *calendar, e sim.Event) (time.Duration, bool) {
	endpoints := e.Select.Index
	if e.Select.All {
		endpoints = nil
		for i := range c.taken {
			endpoints = append(endpoints, i)
		}
	}
	apart := 25 * s.Metrics.Step
	length := e.Lead + e.For + time.Duration(len(endpoints)-1)*e.Every
	from, to := s.WarmUp+10*s.Metrics.Step, s.Duration-length-5*s.Metrics.Step
	if to <= from {
		return 0, false
	}
	for range 20 {
		at := (from + time.Duration(d.Float64()*float64(to-from))).Truncate(time.Millisecond)
		if own := (span{at - apart, at + length + apart}); c.free(endpoints, own) {
			c.take(endpoints, span{at, at + length})
			return at, true
		}
	}
	return 0, false
}

// victims are one endpoint, or now and then several at once: what they share
// breaks down.
func (d *draw) victims(s *sim.Scenario) sim.Select {
	n := s.Count()
	several := 1
	if d.chance(0.12) {
		several = 2 + d.IntN(max(1, n/3))
	}
	picked := d.Perm(n)[:min(several, n)]
	slices.Sort(picked)
	return sim.Select{Index: picked}
}

// ramp is a breakdown that announces itself, in 15 to 80 windows. Half recover:
// all of the endpoints that one ramp is about, or none.
func (d *draw) ramp(s *sim.Scenario, load float64) sim.Event {
	e := sim.Event{Lead: d.windows(s, 15, 80), For: d.windows(s, 4, 16), Select: d.victims(s)}
	if d.chance(0.5) {
		e.Recovers = 1
	}
	e.Kind = one(d, sim.MemoryRamp, sim.ErrorRamp, sim.LatencyRamp)
	if e.Kind == sim.LatencyRamp && !slowShows(s, load) {
		e.Kind = one(d, sim.MemoryRamp, sim.ErrorRamp)
	}
	switch e.Kind {
	case sim.MemoryRamp:
		e.Brink = d.log(2, 8)
	case sim.ErrorRamp:
		e.Brink, e.Ratio = d.between(0.02, 0.045), d.log(0.15, 1)
	case sim.LatencyRamp:
		// A queue makes of slower work more than that: by the brink, latency
		// has grown to some 1.5 to 2.3 times.
		longer := d.between(1.5, 2.3)
		e.Brink = longer / (1 - load + longer*load)
		e.Factor = max(d.log(3, 10), 1.5/load)
	}
	return e
}

// slowShows reports whether a latency that is several times the usual one can
// be told from it: the histogram ends at 5 s, and requests at their deadline.
func slowShows(s *sim.Scenario, load float64) bool {
	usual := 5 * s.Work.Mean.Seconds() / (1 - load)
	return 3*usual < min(4, s.Deadline.Seconds())
}

// sudden is a breakdown that nothing announces.
func (d *draw) sudden(s *sim.Scenario, load float64) sim.Event {
	e := sim.Event{Kind: one(d, sim.Crash, sim.Crash, sim.Lost, sim.Errors, sim.Slow), For: d.windows(s, 3, 14), Select: d.victims(s)}
	if e.Kind == sim.Slow && !slowShows(s, load) {
		e.Kind = sim.Errors
	}
	switch e.Kind {
	case sim.Errors:
		e.Ratio = d.log(0.15, 1)
	case sim.Slow:
		e.Factor = max(d.log(3, 10), 1.5/load)
	}
	return e
}

// disturbance is what an endpoint gets over without having failed.
func (d *draw) disturbance(s *sim.Scenario) sim.Event {
	e := sim.Event{Select: d.victims(s), For: d.windows(s, 2, 40)}
	switch e.Kind = one(d, sim.Slow, sim.Errors, sim.Stall); e.Kind {
	case sim.Slow:
		e.Factor = d.between(1.03, 1.15)
	case sim.Errors:
		e.Ratio = d.log(0.003, 0.02)
	case sim.Stall:
		e.For = d.duration(10*time.Millisecond, min(s.Metrics.Step/10, s.Deadline/2), time.Millisecond)
	}
	return e
}

// deployment restarts all endpoints, one after another, or one of them. Each is
// away for an instant, and cold then.
func (d *draw) deployment(s *sim.Scenario) sim.Event {
	e := sim.Event{Kind: sim.Restart, Down: d.duration(time.Millisecond, s.Metrics.Step/50, time.Millisecond), Warm: d.windows(s, 0.5, 4), Factor: d.between(1, 1.3)}
	if e.Select = (sim.Select{All: true}); d.chance(0.5) {
		e.Select = sim.Select{Index: []int{d.IntN(s.Count())}}
	}
	e.Every, e.For = d.windows(s, 0.5, 4), e.Down+e.Warm
	return e
}
