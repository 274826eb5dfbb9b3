package router

import (
	"slices"
	"time"
)

// attend takes in who takes requests by what discovery says. Who does again, or is new
// beside others that have served for longer, begins slowly, whether a window has shown
// it yet or not.
func (p *eject) attend(state *ejections, dst *Decision, now time.Time) {
	m := p.members
	if m == nil {
		for _, s := range state.ByName {
			s.Out = false
		}
		return
	}
	p.met = sized(p.met, len(m.list))
	clear(p.met)
	for i := range dst.Endpoints {
		name := dst.Endpoints[i].Name
		if at, is := m.byName[name]; is {
			p.met[at] = true
		}
		p.turnout(state, state.of(dst, i), m.Serves(name), now)
	}
	for i := range m.list {
		if p.met[i] || !m.there(i) {
			continue
		}
		e := &m.list[i]
		s, appeared := state.meet(e.Name, now)
		if appeared {
			s.Out = e.Presence > m.least
			p.young(state, s, true, false, false, now)
		} else {
			p.turnout(state, s, e.Presence <= m.least, now)
		}
		dst.Newcomers = append(dst.Newcomers, Newcomer{e.Name, p.slowStart(s, now)})
	}
}

// turnout notes whether an endpoint takes requests. Who is ready a moment after the
// service was first seen is no younger than its peers.
func (p *eject) turnout(state *ejections, s *ejection, serves bool, now time.Time) {
	if s != nil {
		p.young(state, s, false, false, s.Out && serves && now.Sub(state.Since) > p.cfg.SlowStart, now)
		s.Out = !serves
	}
}

// compare makes the parts of newcomers, which are of what their peers would have
// without any slow start, parts of what these have: of left, where that is full. Those
// that get just their peers' mean are not listed.
func (d *Decision) compare(full, left float64) {
	of := 1.0
	if left > 0 {
		of = full / left
	}
	d.Newcomers = slices.DeleteFunc(d.Newcomers, func(n Newcomer) bool { return n.Part*of == 1 })
	for i := range d.Newcomers {
		d.Newcomers[i].Part *= of
	}
}
