package router

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Eject takes all traffic from endpoints that are down (up = 0), that vanished
// from the metrics while others are there, that fail most requests, or that the
// forecast (nil: none) expects to fail.
//
// The mechanics are those of gRFC A50: an ejection lasts the base time × how
// often it happened lately, at most MaxEjection, and as long as its endpoint is
// ill; one that is down is out the first time for just that long. At most
// max(1, 10 %) of the endpoints are ejected, the worst first; the others that
// qualify are held at the floor weight. If fewer than half would stay untouched, nothing is done
// (Envoy's panic threshold), but that none that qualifies gets more than an
// equal share and none that is well less, and no ejection begins that would
// outlast it. An endpoint returns through a slow start; those of several at once
// are cut short such that they take no more traffic away than the ejections that
// are allowed. So begins one that appears, or is up again, beside others that have
// served for longer (see young). State advances once per window; while none comes,
// an endpoint that was well again in the last one returns in time. An endpoint of
// which nothing was seen for longer than MaxEjection has left: it gets nothing and
// does not count.
func Eject(p Policy, forecast *predict.Predictor, cfg Config) Policy {
	return &eject{Policy: p, forecast: forecast, cfg: cfg, services: map[string]*ejections{}}
}

type eject struct {
	Policy
	forecast *predict.Predictor
	cfg      Config
	services map[string]*ejections
}

// ejections is the memory of one service.
type ejections struct {
	Since  time.Time // of the first window
	End    time.Time // of the newest one
	Panic  bool      // in which nothing was ejected because too many failed
	ByName map[string]*ejection
}

// ejection is the memory of one endpoint.
type ejection struct {
	Severity float64   // in the newest window; 0 is well
	Until    time.Time // zero: not ejected
	Returned time.Time // when its slow start began: it appeared or an ejection ended; zero before any
	New      bool      // it appeared then
	Calm     time.Time // since when it has been well, or Count last fell
	Count    int       // of ejections lately
	Seen     time.Time // when it last had a value
	Unseen   int       // windows since then
	Down     bool      // in the newest window
	Gone     bool
}

// holds reports whether the ejection lasts. One whose time is up goes on while
// the endpoint was not well when it was last seen.
func (e *ejection) holds(now time.Time) bool {
	return !e.Until.IsZero() && (e.Severity > 0 || now.Before(e.Until))
}

func (p *eject) Decide(dst *Decision, f *features.Frame) error {
	if err := p.Policy.Decide(dst, f); err != nil {
		return err
	}
	p.ask(dst, f)
	state := p.services[f.Service]
	if state == nil {
		state = &ejections{ByName: map[string]*ejection{}}
		p.services[f.Service] = state
	}
	limits := p.cfg.Rules.Service(f.Service).Service.Limits
	if len(state.ByName) == 0 || f.End.After(state.End) {
		if len(state.ByName) == 0 {
			state.Since = f.Time
		}
		state.End = f.End
		p.observe(state, dst, f)
		p.advance(state, dst, f.Time, limits)
	}
	p.apply(state, dst, f.Time, limits)
	return nil
}

// ask fills the forecasts.
func (p *eject) ask(dst *Decision, f *features.Frame) {
	if p.forecast == nil {
		return
	}
	dst.Failures = sized(dst.Failures, len(f.Endpoints))
	if err := p.forecast.Forecast(dst.Failures, f); err != nil {
		dst.Failures = dst.Failures[:0]
		if !errors.Is(err, predict.ErrNoNetwork) {
			dst.Notes = append(dst.Notes, "no failure forecast: "+err.Error())
		}
	}
}

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

// young begins the slow start of an endpoint that appeared, came back after it
// had left, or is up again. It does not where the service itself was first seen
// only lately: then its peers are as young, or have come to be known one after
// the other. What is up again after a panic has none either: the few that were
// left have carried the load, and need it back at once. Endpoints that begin
// together, with no older one beside them, share the traffic as they would
// without a slow start.
func (p *eject) young(state *ejections, s *ejection, appeared, back, restarted bool, now time.Time) {
	switch {
	case back, appeared && now.Sub(state.Since) > p.cfg.SlowStart:
		s.Returned, s.New = now, true
	case restarted && !state.Panic:
		s.Returned, s.New = now, false
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

// advance decides who is ejected in this window.
func (p *eject) advance(state *ejections, dst *Decision, now time.Time, limits rules.Limits) {
	type claim struct {
		name string
		rank float64
	}
	var claims []claim
	n, failing := state.count(dst, now)
	panicking := p.panicking(n, failing)
	state.Panic = panicking
	for _, e := range dst.Endpoints {
		s := state.ByName[e.Name]
		if s.Gone {
			continue
		}
		if now.Before(s.Until) || s.Severity > 0 && !panicking {
			claims = append(claims, claim{e.Name, s.Severity})
		}
		p.calm(s, now)
	}
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.name, b.name))
	})
	claims = claims[:min(len(claims), maxEjected(limits, n))]
	chosen := func(name string) bool {
		return slices.ContainsFunc(claims, func(c claim) bool { return c.name == name })
	}
	for name, s := range state.ByName {
		switch ejected := !s.Until.IsZero(); {
		case !chosen(name) && ejected:
			s.Until, s.Returned, s.New, s.Calm = time.Time{}, now, false, now
		case chosen(name) && !ejected:
			s.Count = min(max(s.Count, 0)+1, int(p.cfg.MaxEjection/p.cfg.BaseEjection)+1)
			s.Until = now.Add(p.lasts(s))
		}
	}
}

// lasts is the time of an ejection that begins. It goes on by itself for an
// endpoint that is ill beyond that, and is not counted again: an outage of 40 s
// is one outage. The first of an endpoint that says itself that it is down lasts
// as long as that.
func (p *eject) lasts(s *ejection) time.Duration {
	count := s.Count
	if s.Severity == saysDown {
		count--
	}
	return min(time.Duration(count)*p.cfg.BaseEjection, p.cfg.MaxEjection)
}

// calm forgets one earlier ejection for each base time that an endpoint was
// well.
func (p *eject) calm(s *ejection, now time.Time) {
	switch {
	case s.Severity > 0 || !s.Until.IsZero():
		s.Calm = now
	case s.Count > 0 && now.Sub(s.Calm) >= p.cfg.BaseEjection:
		s.Count--
		s.Calm = now
	}
}

// maxEjected is how many of n endpoints may be ejected at once.
func maxEjected(l rules.Limits, n int) int { return max(1, int(l.MaxEjection*float64(n)+1e-9)) }

// count is how many of the endpoints are there, and how many of these would not
// stay untouched.
func (state *ejections) count(dst *Decision, now time.Time) (n, failing int) {
	for _, e := range dst.Endpoints {
		if s := state.ByName[e.Name]; s != nil && !s.Gone {
			n++
			if s.Severity > 0 || s.holds(now) {
				failing++
			}
		}
	}
	return n, failing
}

func (p *eject) panicking(n, failing int) bool {
	return float64(n-failing) < p.cfg.PanicThreshold*float64(n)
}

// apply writes the ejections into the weights.
func (p *eject) apply(state *ejections, dst *Decision, now time.Time, limits rules.Limits) {
	n, failing := state.count(dst, now)
	panicking := p.panicking(n, failing)
	if panicking {
		dst.Notes = append(dst.Notes, fmt.Sprintf("panic: %d of %d endpoints are failing; no ejection", failing, n))
	}
	least := floorWeight(limits, len(dst.Endpoints))
	warming := p.warming(state, dst, now, float64(maxEjected(limits, n))/float64(max(n, 1)))
	for i, e := range dst.Endpoints {
		s := state.ByName[e.Name]
		switch {
		case s == nil:
		case s.Gone:
			dst.Ejected[i], dst.Weights[i] = true, 0
		case panicking && s.Severity > 0: // what nobody sees any more looks idle to a model
			dst.Weights[i] = min(dst.Weights[i], 1/float64(n))
		case panicking && !s.holds(now):
			dst.Weights[i] = max(dst.Weights[i], 1/float64(n))
		case panicking:
		case s.holds(now):
			dst.Ejected[i], dst.Weights[i] = true, 0
		case s.Severity > 0:
			dst.Held[i], dst.Weights[i] = true, min(dst.Weights[i], least)
		case s.New: // its peers have had all the traffic before it
			dst.Weights[i] *= p.slowStart(s, now)
		default:
			dst.Weights[i] *= 1 - (1-p.slowStart(s, now))*warming
		}
	}
	settle(dst.Weights, dst.Ejected)
}

// warming is how much of the slow starts is kept: together they take no more
// traffic away than ejections may, or a rolling restart would load the rest with
// what those have no room for.
func (p *eject) warming(state *ejections, dst *Decision, now time.Time, most float64) float64 {
	away := 0.0
	for i, e := range dst.Endpoints {
		if s := state.ByName[e.Name]; s != nil && s.Severity == 0 && !s.holds(now) && !s.Gone && !s.New {
			away += dst.Weights[i] * (1 - p.slowStart(s, now))
		}
	}
	if away > most {
		return most / away
	}
	return 1
}

// slowStart is the part of its weight that a young or returned endpoint gets: a
// tenth at first (Envoy's slow start, aggression 1).
func (p *eject) slowStart(s *ejection, now time.Time) float64 {
	if s.Returned.IsZero() || p.cfg.SlowStart <= 0 {
		return 1
	}
	return min(max(float64(now.Sub(s.Returned))/float64(p.cfg.SlowStart), 0.1), 1)
}

// settle makes weights sum to 1. Where the open endpoints have none, they get
// equal ones; where none is open, they stay zero only if there are none.
func settle(weights mesh.Weights, closed []bool) {
	sum, open := 0.0, 0
	for i, w := range weights {
		sum += w
		if !closed[i] {
			open++
		}
	}
	for i := range weights {
		switch {
		case sum > 0:
			weights[i] /= sum
		case open == 0:
			weights[i] = 1 / float64(len(weights))
		case !closed[i]:
			weights[i] = 1 / float64(open)
		}
	}
}
