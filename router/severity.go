package router

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// observe takes in what the window says of each endpoint.
func (p *eject) observe(state *ejections, dst *Decision, f *features.Frame) {
	alive := anyShows(f)
	for i, e := range f.Endpoints {
		s := state.ByName[e.Name]
		appeared := s == nil
		if appeared {
			s = &ejection{Seen: f.Time, Calm: f.Time}
			state.ByName[e.Name] = s
		}
		there := shows(f, i)
		p.young(state, s, appeared, s.Gone && there, s.Down && !isDown(f, i), f.Time)
		s.Down = isDown(f, i)
		if s.Unseen++; there {
			s.Seen, s.Unseen = f.Time, 0
		}
		s.Severity = p.severity(dst, f, i)
		if alive && s.Unseen >= vanished {
			s.Severity = max(s.Severity, 1)
		}
	}
	for name, s := range state.ByName {
		if f.Find(name) < 0 {
			delete(state.ByName, name)
			continue
		}
		s.Gone = alive && f.Time.Sub(s.Seen) > p.cfg.MaxEjection
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

// saysDown is the severity of an endpoint whose metrics say that it is down.
const saysDown = 3

// severity is 0 for an endpoint that is well; the higher, the sooner it is
// ejected. A forecast counts only while the metrics can be believed, and as
// much as its lower bound: a calibration on a handful of failures says 0.8 and
// may mean 0.3, and what is ejected in vain loads its peers.
func (p *eject) severity(dst *Decision, f *features.Frame, i int) float64 {
	switch errorRatio := f.At(i, mesh.ErrorRatio); {
	case isDown(f, i):
		return saysDown
	case errorRatio >= p.cfg.ErrorThreshold && i < len(f.Requests) && f.Requests[i] >= minRequests:
		return 2
	}
	trusted := dst.Reason != WarmUp && dst.Reason != Stale
	if trusted && len(dst.Failures) > 0 && dst.Failures[i].Low >= p.cfg.FailureThreshold {
		return dst.Failures[i].Probability
	}
	return 0
}
