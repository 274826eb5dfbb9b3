package main

import (
	"math"

	"github.com/fairway-mesh/fairway/mesh"
)

// shares tells whether the shares of a service's endpoints varied by more than
// chance: whether its history can tell what load does.
type shares struct {
	windows   int // with requests of which the shares can be told
	endpoints map[string]*share
}

// share sums up the part of the requests that one endpoint was sent.
type share struct {
	windows        int
	total, own     float64 // requests of the service, and of the endpoint
	square         float64 // sum of own²/total
	low, high      float64 // of the shares of windows with enough requests
	enoughRequests bool
}

const (
	// leastRequests is how many requests a window needs for its share to be
	// shown, and leastTold for it to count at all.
	leastRequests, leastTold = 50, 5
	// leastWindows is how many windows are needed to tell chance from intent.
	leastWindows = 6
	// fixedShare is the coefficient of variation beyond chance below which
	// shares count as fixed; training draws the line at the same place.
	fixedShare = 0.05
	// doubt is how many standard errors variation must lie above chance.
	doubt = 4
	// silenced is how many requests an endpoint must have missed, of an equal
	// share, for its silence to be an outage rather than chance.
	silenced = 20
)

func newShares() *shares { return &shares{endpoints: map[string]*share{}} }

// add counts a window. seen is the part of its span that the samples cover:
// counts are extrapolated to all of it, and their chance with them.
func (s *shares) add(w *mesh.Window, seen float64) {
	total := 0.0
	for i := range w.Endpoints {
		if !math.IsNaN(w.Requests[i]) {
			total += w.Requests[i]
		}
	}
	equal := total / float64(len(w.Endpoints))
	for i := range w.Endpoints {
		if math.IsNaN(w.Requests[i]) || w.Requests[i] == 0 && equal >= silenced {
			return // it is out: that moves shares, but not at random
		}
	}
	if total < leastTold {
		return
	}
	s.windows++
	for i, e := range w.Endpoints {
		p := s.endpoints[e.Name]
		if p == nil {
			p = &share{low: 1}
			s.endpoints[e.Name] = p
		}
		p.add(w.Requests[i], total, seen)
	}
}

func (p *share) add(own, total, seen float64) {
	if part := own / total; total >= leastRequests {
		p.enoughRequests = true
		p.low, p.high = min(p.low, part), max(p.high, part)
	}
	own, total = own*seen, total*seen // what was really counted
	p.windows++
	p.total += total
	p.own += own
	p.square += own * own / total
}

// varied reports whether the endpoint's share varied by more than drawing each
// request with a fixed probability brings about.
func (p *share) varied() bool {
	mean := p.own / p.total
	if p.windows < leastWindows || !(mean > 0) {
		return false
	}
	chance := mean * (1 - mean)
	n := float64(p.windows - 1)
	excess := p.square - p.own*mean - n*chance // of the variance, times p.total
	return excess > doubt*math.Sqrt(2*n)*chance && excess/p.total > fixedShare*fixedShare*mean*mean
}

// verdict says what a network could learn from the service's history.
func (s *shares) verdict(endpoints int) string {
	if endpoints < 2 {
		return "no choice: one endpoint"
	}
	if s.windows < leastWindows {
		return "too few windows with requests to tell shares"
	}
	for _, p := range s.endpoints {
		if p.varied() {
			return "shares vary"
		}
	}
	return "load effect not identifiable: the shares never varied by more than chance"
}
