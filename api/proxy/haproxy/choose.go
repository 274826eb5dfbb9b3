package haproxy

import (
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

// choices is the most endpoints that are looked at for one request beside the drawn one.
// Nearly all that can be had of queues is had by a few choices: with d of them the part
// of the endpoints that are k deep falls as load^((d^k-1)/(d-1)) (Mitzenmacher, "The
// power of two choices", TPDS 2001), which at 16 is next to none from k = 2 on. Of more
// peers than this they are drawn by weight: choices drawn alike would not keep unequal
// endpoints stable (Mukhopadhyay & Mazumdar, "Analysis of randomized join-the-shortest-
// queue schemes", TCNS 2016).
const choices = 16

// choose draws an endpoint by the table's weights. That stands while the endpoint is
// idle, which also keeps those measured that never are the least busy; where it is not,
// and proxies tell the ends of their requests, the one of its peers is taken that has the
// least (in flight + 1) / weight, over the whole fleet of proxies (Envoy's weighted least
// request). The counts are exact and in one place, so nothing herds. Peers are of one
// target where a rule splits requests by percentages, so that those shares hold exactly;
// an endpoint with a weight of 0 is nobody's.
//
// The probability of what counts decide is not known, so the answer's Propensity is then
// 0. Where rules ask for other balancing or make a request stick the draw stands, as it
// does while a trial is on: two lines are compared by weights alone, with propensities
// that are exact. It does not allocate, but for the first answer of each route and
// edition.
func (s *SPOE) choose(routes *router.Routes, service *fleet, req *mesh.Request, now time.Time) (router.Answer, *standing) {
	u := s.roll()
	a := routes.Decide(req, u)
	switch {
	case a.Endpoint < 0:
		return a, nil
	case a.Line != router.Only: // its endpoints are those of the line
		return a, service.endpoints[a.Endpoints[a.Endpoint].Name]
	}
	mine := service.standing[a.Endpoint]
	if !ours(a.Balance, req) || !s.flights.told(now) {
		return a, mine
	}
	p := service.peersOf(&a)
	group := p.group[a.Endpoint]
	if len(group.members) < 2 {
		return a, mine
	}
	a.Propensity = 0
	n := mine.inFlight.Load()
	if n == 0 {
		return a, mine
	}
	best := member{a.Endpoint, a.Weights[a.Endpoint], mine}
	if other := group.less(best.load(), picker.Scramble(u)); other != nil {
		best = *other
	}
	a.Endpoint, a.Subset = best.at, p.subset[best.at]
	return a, best.standing
}

// less is the member with the least load of those looked at; nil where none has less
// than that.
func (g *group) less(load float64, u uint64) (best *member) {
	try := func(m *member) {
		if l := m.load(); l < load {
			best, load = m, l
		}
	}
	if n := len(g.members); n <= choices {
		first := int(u % uint64(n)) // so that ties are nobody's
		for i := range g.members {
			try(&g.members[(first+i)%n])
		}
		return best
	}
	for range choices {
		try(&g.members[g.draw.Pick(u)])
		u = picker.Scramble(u)
	}
	return best
}

func (m *member) load() float64 { return float64(m.inFlight.Load()+1) / m.weight }

// ours reports whether the rules leave the choice of this request's endpoint to us.
func ours(b *rules.Balance, req *mesh.Request) bool {
	if req.SessionKey != "" || len(b.Hash) > 0 && b.Key(req) != "" {
		return false
	}
	switch b.Algorithm {
	case rules.Weighted, rules.LeastRequest, rules.Adaptive:
		return true
	}
	return false
}
