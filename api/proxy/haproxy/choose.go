package haproxy

import (
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// redraws are the most draws for a second endpoint.
const redraws = 4

// choose draws an endpoint by the table's weights and, where proxies tell the ends of
// their requests, a second one, of which the one with fewer requests in flight over
// the whole fleet of proxies is taken (Mitzenmacher, "The power of two choices", TPDS
// 2001), the first on a tie. Both are of one route and, where its rule shares requests
// between targets, of one subset, so that those shares hold exactly; and none has a
// weight of 0.
//
// The probability of what two draws chose depends on the counts, so the answer's
// Propensity is then 0: unknown. While a trial is on, the first draw stands: two
// lines are compared by weights alone, with propensities that are exact.
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
	for range redraws {
		b := routes.Decide(req, s.roll())
		if b.Terms != a.Terms || b.Endpoint < 0 || b.Endpoint == a.Endpoint || split && b.Subset != a.Subset {
			continue
		}
		a.Propensity = 0
		other := service.endpoints[b.Endpoints[b.Endpoint].Name]
		if other != nil && other.inFlight.Load() < mine.inFlight.Load() {
			b.Propensity = 0
			return b, other
		}
		break
	}
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
