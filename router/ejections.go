package router

import (
	"cmp"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/router/health"
	"github.com/fairway-mesh/fairway/router/rules"
)

// ejections is the memory of one service.
type ejections struct {
	Since  time.Time // of the first window
	Judged time.Time // when failures were last judged
	Time   time.Time // of the newest one, when it was decided upon
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
	WasDown  time.Time // end of the last window in which it was
	Gone     bool
	Out      bool // it takes no requests by what discovery says
	Failing  bool // by active checks
	Drain    drainage
	Passive  health.Passive // what its traffic says
	Maturing maturing       // what becomes of its forecasts
	carriage
}

// holds reports whether the ejection lasts. One whose time is up goes on while
// the endpoint was not well when it was last seen.
func (e *ejection) holds(now time.Time) bool {
	return !e.Until.IsZero() && (e.ill() > 0 || now.Before(e.Until))
}

// failing reports whether it is ill, or ejected because it was, or has left.
func (e *ejection) failing(now time.Time) bool { return e.ill() > 0 || e.holds(now) || e.Gone }

// of is the memory of endpoint i of a decision.
func (state *ejections) of(dst *Decision, i int) *ejection {
	return state.ByName[dst.Endpoints[i].Name]
}

// count is how many of the endpoints are there, and how many of these would not
// stay untouched.
func (state *ejections) count(dst *Decision, now time.Time) (n, failing int) {
	for _, e := range dst.Endpoints {
		if s := state.ByName[e.Name]; s != nil && !s.Gone && !s.Out {
			n++
			if s.failing(now) {
				failing++
			}
		}
	}
	return n, failing
}

func (p *eject) panicking(n, failing int) bool {
	return float64(n-failing) < p.by.minHealthy*float64(n)
}

// maxEjected is how many of n endpoints may be ejected at once.
func maxEjected(l rules.Limits, n int) int { return max(1, int(l.MaxEjection*float64(n)+1e-9)) }

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
		if s.Gone || s.Down || s.Out {
			continue
		}
		if now.Before(s.Until) || s.ill() > 0 && !panicking {
			claims = append(claims, claim{e.Name, s.ill()})
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
		case s.Down:
		case !chosen(name) && ejected:
			s.Until, s.Returned, s.New, s.Calm = time.Time{}, now, false, now
		case chosen(name) && !ejected:
			p.again(s)
			s.Until = now.Add(p.lasts(s))
		}
	}
}

// again counts an ejection, or an outage, that begins.
func (p *eject) again(s *ejection) {
	s.Count = min(max(s.Count, 0)+1, int(p.by.most/p.by.base)+1)
}

// lasts is the time of an ejection that begins, or that follows an outage. It goes
// on by itself for an endpoint that is ill beyond that, and is not counted again.
// The first of an endpoint that checks call unhealthy lasts as long as that, and
// none follows a first outage.
func (p *eject) lasts(s *ejection) time.Duration {
	count := s.Count
	if s.Down || s.ill() >= failsChecks {
		count--
	}
	return min(time.Duration(count)*p.by.base, p.by.most)
}

// calm forgets one earlier ejection for each base time that an endpoint was
// well.
func (p *eject) calm(s *ejection, now time.Time) {
	switch {
	case s.ill() > 0 || !s.Until.IsZero():
		s.Calm = now
	case s.Count > 0 && now.Sub(s.Calm) >= p.by.base:
		s.Count--
		s.Calm = now
	}
}
