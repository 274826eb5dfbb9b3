package router

import (
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/health"
)

// carriage is the memory of whether an endpoint carries on: takes requests although
// discovery says that others are readier.
type carriage struct {
	// Served is when it last took requests, since it was ready; zero where it never was,
	// or has taken none for longer than a slow start.
	Served  time.Time
	Drained bool      // since it was ready: it was told to, and does not fail its readiness
	Carries bool      // also where nobody is readier, so that it does when somebody is
	Fades   time.Time // since when there is no reason to any more; zero: there is
}

// carry finds who carries on. Where those that discovery calls ready, and that do not
// fail, are fewer than the panic threshold of all that serve, they cannot take over from
// the others: they would fail under it, and so would the next that is ready. Until enough
// are, all go on that have served until lately and that the newest window shows to serve,
// as in Envoy's panic: nobody has more than it had. After that they fade.
//
// Where no metrics show anything it is believed that what is not ready cannot serve. But
// those that served while nobody was ready fade when somebody is.
func (p *eject) carry(state *ejections, dst *Decision, f *features.Frame) {
	for _, e := range p.here {
		p.served(e.ejection, f.Time)
		e.Drained = e.Drained || e.leaves || e.presence == Draining
	}
	live := dst.Age <= p.cfg.staleAfter(f) && outcomes(f)
	few := p.few(f, live)
	for i, e := range p.here {
		serves := e.presence <= p.members.least
		needed, able := serves || few && live, !live || p.well(f, i)
		switch {
		case e.presence <= Ready:
			e.carriage = carriage{Served: f.Time}
		case e.presence == Gone:
			e.carriage = carriage{}
		case e.failing(f.Time), live && f.At(i, mesh.ErrorRatio) >= p.by.threshold, e.Drained && e.presence == NotReady && !serves:
			e.Carries = false
		case needed && able && (e.Carries || e.mayBegin(serves)):
			e.Carries, e.Fades = true, time.Time{}
		case e.Carries && e.Fades.IsZero():
			e.Fades = f.Time
		}
		e.Carries = e.Carries && p.part(e.ejection, f.Time) > 0
		dst.Carries[i] = e.Carries && !serves
	}
	for i := range p.members.list {
		if e := &p.members.list[i]; !p.met[i] && state.ByName[e.Name] != nil {
			p.unshown(state.ByName[e.Name], e.Presence, f.Time)
		}
	}
}

// served notes until when an endpoint took requests: until now, if it did in the decision
// before.
func (p *eject) served(s *ejection, now time.Time) {
	switch {
	case s.Served.IsZero():
	case !s.Out:
		s.Served = now
	case now.Sub(s.Served) > p.cfg.SlowStart:
		s.Served = time.Time{}
	}
}

// unshown takes in that no window shows an endpoint, or none does yet: it does not carry on.
func (p *eject) unshown(s *ejection, presence Presence, now time.Time) {
	p.served(s, now)
	s.Carries = false
	switch {
	case presence <= Ready:
		s.Served = now
	case presence == Gone:
		s.Served = time.Time{}
	}
}

// leastFew is how many endpoints a service has at least of which few can be ready: of two
// of three that are not, it is as likely that they crashed as that their probe is wrong
// (gRFC A50 and Envoy have this minimum_hosts for what they say of endpoints by others).
const leastFew = 5

// few reports whether the ready ones that do not fail are fewer than the panic threshold
// of these and of those that could carry on.
func (p *eject) few(f *features.Frame, live bool) bool {
	m, there, ready, others := p.members, 0, 0, 0
	for i, e := range p.here {
		switch {
		case e.presence == Gone, e.failing(f.Time):
		case e.presence <= m.least:
			ready++
		case e.Carries, live && e.mayBegin(false) && p.well(f, i):
			others++
		}
	}
	for i := range m.list {
		if !m.there(i) {
			continue
		}
		there++
		if !p.met[i] && m.list[i].Presence <= m.least { // no window has shown it yet
			ready++
		}
	}
	return there >= leastFew && float64(ready) < p.by.minHealthy*float64(ready+others)
}

// mayBegin reports whether an endpoint may begin to carry on: it has served until lately,
// and does now or was not told to stop.
func (c *carriage) mayBegin(serves bool) bool { return !c.Served.IsZero() && (serves || !c.Drained) }

// part is how much of its weight an endpoint has left that carries on: it fades in the
// time of a slow start.
func (p *eject) part(s *ejection, now time.Time) float64 {
	switch {
	case s.Fades.IsZero():
		return 1
	case p.cfg.SlowStart <= 0:
		return 0
	}
	return min(max(1-float64(now.Sub(s.Fades))/float64(p.cfg.SlowStart), 0), 1)
}

// outcomes reports whether a window shows what becomes of any requests.
func outcomes(f *features.Frame) bool {
	for i := range f.Endpoints {
		if i < len(f.Requests) && f.Requests[i] > 0 && f.At(i, mesh.ErrorRatio) >= 0 {
			return true
		}
	}
	return false
}

// well reports whether a window shows that endpoint i serves: it has requests, and most of
// them succeed.
func (p *eject) well(f *features.Frame, i int) bool {
	return i < len(f.Requests) && f.Requests[i] > 0 && f.At(i, mesh.ErrorRatio) < p.by.threshold
}

// Carried says that endpoints serve which are not ready; empty where none does.
func (d *Decision) Carried() string {
	for _, carries := range d.Carries {
		if carries {
			return "few endpoints are ready: others that have served until now go on meanwhile"
		}
	}
	return ""
}

// tellCarried says so, and of each.
func (d *Decision) tellCarried() {
	if note := d.Carried(); note != "" {
		d.Notes = append(d.Notes, note)
	}
	for i, carries := range d.Carries {
		if carries {
			d.Health[i].State = health.Degraded
			d.Health[i].Reason += "; serves since few are ready"
		}
	}
}
