package router

import (
	"maps"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/health"
)

// observe takes in what the window says of each endpoint.
func (p *eject) observe(state *ejections, f *features.Frame) {
	alive, due := anyShows(f), p.by.due(state, f.Time)
	for i, e := range f.Endpoints {
		s, appeared := state.meet(e.Name, f.Time)
		there := shows(f, i)
		p.young(state, s, appeared, s.Gone && there, s.Down && !isDown(f, i), f.Time)
		p.outage(s, isDown(f, i), f)
		if s.Unseen++; there {
			s.Seen, s.Unseen = f.Time, 0
		}
		if severity := p.severity(s, f, i); due || severity > failsRequests || s.Severity > failsRequests {
			s.Severity = severity
		}
		if alive && s.Unseen >= vanished {
			s.Severity = max(s.Severity, isUnseen)
		}
		s.Gone = alive && f.Time.Sub(s.Seen) > p.cfg.MaxEjection
	}
	if len(state.ByName) > len(f.Endpoints) { // to look for each costs with the square
		maps.DeleteFunc(state.ByName, func(name string, _ *ejection) bool {
			return p.members.Presence(name) == Unlisted && f.Find(name) < 0
		})
	}
}

// meet is the memory of an endpoint, which begins now if there is none.
func (state *ejections) meet(name string, now time.Time) (s *ejection, appeared bool) {
	s, there := state.ByName[name]
	if !there {
		s = &ejection{Seen: now, Calm: now}
		state.ByName[name] = s
	}
	return s, !there
}

// greet begins the memory of endpoints that come without a window: the rules name them
// between two, or where there are no metrics at all.
func (p *eject) greet(state *ejections, f *features.Frame) {
	for _, e := range f.Endpoints {
		if s, appeared := state.meet(e.Name, f.Time); appeared {
			p.young(state, s, true, false, false, f.Time)
		}
	}
}

// shows reports whether the window has any sign of life of endpoint i.
func shows(f *features.Frame, i int) bool {
	for column, x := range f.Window.Row(i) {
		if f.Schema.Series[column].Name == mesh.Up {
			if x > 0 {
				return true
			}
		} else if !math.IsNaN(x) {
			return true
		}
	}
	return false
}

func anyShows(f *features.Frame) bool {
	for i := range f.Endpoints {
		if shows(f, i) {
			return true
		}
	}
	return false
}

// vanished is after how many windows without any value an endpoint is taken to
// be gone. Where nothing says that it is down, its last values would go on to
// look like those of an idle endpoint, which draws traffic.
const vanished = 3

// minRequests is the least number of requests from which an error ratio is
// believed: the request volume of gRFC A50 for a few endpoints.
const minRequests = 5

// The severities of what is known against an endpoint.
const (
	isUnseen      = 1   // its metrics have vanished
	failsRequests = 2   // most of its requests
	failsChecks   = 2.5 // active checks call it unhealthy
	saysDown      = 3   // its metrics say that it is down
)

// outage takes in whether the endpoint is down. One that is gets nothing while it
// lasts, and that takes nobody's place among the ejections: it is not suspected. An
// ejection of before ends with it, for the process is another one; a second outage
// shortly after the first counts like an ejection, and may outlast itself.
func (p *eject) outage(s *ejection, down bool, f *features.Frame) {
	began := down && !s.Down
	if s.Down = down; down {
		s.WasDown = f.End
	}
	if began {
		p.again(s)
		s.Until = time.Time{}
		if wait := p.lasts(s); wait > 0 {
			s.Until = f.Time.Add(wait)
		}
	}
}

// severity is 0 for an endpoint that is well; the higher, the sooner it is
// ejected. What is only forecast to fail is drained instead, and what failed
// before it was up again is no failure of it.
func (p *eject) severity(s *ejection, f *features.Frame, i int) float64 {
	switch errorRatio := f.At(i, mesh.ErrorRatio); {
	case isDown(f, i):
		return saysDown
	case f.Start.Before(s.WasDown):
		return 0
	case i < len(f.Requests) && p.by.fails(errorRatio, f.Requests[i]):
		return failsRequests
	}
	return 0
}

// ill is the severity of what is known of the endpoint now, by its metrics and by
// active checks.
func (e *ejection) ill() float64 {
	if e.Failing {
		return max(e.Severity, failsChecks)
	}
	return e.Severity
}

// check takes in what active checks say, and reports whether that has changed.
// They need no window: where metrics fail they are all there is.
func (p *eject) check(state *ejections, dst *Decision) (changed bool) {
	if p.cfg.Checks == nil {
		return false
	}
	for i, e := range dst.Endpoints {
		failing := p.cfg.Checks.Checked(dst.Service, e.Name).State == health.Unhealthy
		if s := state.of(dst, i); s != nil && s.Failing != failing {
			s.Failing, changed = failing, true
		}
	}
	return changed
}
