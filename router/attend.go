package router

import (
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
)

// attend takes in who takes requests by what discovery says. Who does again, or is new
// beside others that have served for longer, begins slowly, whether a window has shown
// it yet or not.
func (p *eject) attend(state *ejections, dst *Decision, f *features.Frame) {
	m, now := p.members, f.Time
	if m == nil {
		for _, s := range state.ByName {
			s.Out, s.carriage = false, carriage{}
		}
		return
	}
	p.met, p.here = sized(p.met, len(m.list)), sized(p.here, len(dst.Endpoints))
	clear(p.met)
	for i, e := range dst.Endpoints {
		p.here[i] = attendee{state.ByName[e.Name], Unlisted, false}
		if at, is := m.byName[e.Name]; is {
			p.met[at], p.here[i].presence, p.here[i].leaves = true, m.list[at].Presence, m.list[at].Leaves
		}
	}
	p.carry(state, dst, f)
	for i, e := range p.here {
		p.turnout(state, e.ejection, e.presence <= m.least, now)
		e.Out = e.Out && !dst.Carries[i]
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

// attendee is an endpoint of a frame, with what is remembered and what discovery says.
type attendee struct {
	*ejection
	presence Presence
	leaves   bool
}

// turnout notes whether an endpoint takes requests. Who is ready a moment after the
// service was first seen is no younger than its peers.
func (p *eject) turnout(state *ejections, s *ejection, serves bool, now time.Time) {
	p.young(state, s, false, false, s.Out && serves && now.Sub(state.Since) > p.cfg.SlowStart, now)
	s.Out = !serves
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
