package haproxy

import (
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// choose draws an endpoint by the table's weights. That stands while the endpoint is
// idle; where it is not, and proxies tell the ends of their requests, it takes the one with the least in flight over the whole fleet of proxies
// for its weight (Envoy's weighted least request, with all endpoints for choices): the
// counts are exact and in one place, so nothing herds. Where a rule shares requests
// between targets the draw stands, so that those shares hold exactly; an endpoint with a
// weight of 0 gets nothing.
//
// The probability of what the counts chose is not known, so the answer's Propensity is
// then 0. While a trial is on, the draw stands: two lines are compared by weights alone,
// with propensities that are exact.
func (s *SPOE) choose(routes *router.Routes, service *fleet, req *mesh.Request, now time.Time) (router.Answer, *standing) {
	a := routes.Decide(req, s.roll())
	if a.Endpoint < 0 {
		return a, nil
	}
	mine := service.endpoints[a.Endpoints[a.Endpoint].Name]
	if mine == nil || a.Line != router.Only || req.SessionKey != "" || !ours(a.Balance) || !s.flights.told(now) {
		return a, mine
	}
	rule, _ := routes.Rule(a.Place)
	split := rule != nil && len(rule.To) > 1
	if split {
		return a, mine
	}
	a.Propensity = 0
	if mine.inFlight.Load() == 0 { // which also keeps an endpoint measured that is never the least
		return a, mine
	}
	best, least, n := a.Endpoint, float64(mine.inFlight.Load()+1)/a.Weights[a.Endpoint], len(a.Endpoints)
	for k := 1; k < n; k++ {
		i := (a.Endpoint + k) % n // from the drawn one on, so that ties are nobody's
		other := service.endpoints[a.Endpoints[i].Name]
		if other == nil || !(a.Weights[i] > 0) {
			continue
		}
		if load := float64(other.inFlight.Load()+1) / a.Weights[i]; load < least {
			best, least, mine = i, load, other
		}
	}
	a.Endpoint, a.Subset = best, a.Endpoints[best].Subset
	return a, mine
}

// ours reports whether the rules leave the choice between two to us.
func ours(b *rules.Balance) bool {
	switch b.Algorithm {
	case rules.Weighted, rules.LeastRequest, rules.Adaptive:
		return true
	}
	return false
}
