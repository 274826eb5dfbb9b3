package api

import (
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// serviceWeights puts the whole table of a service into words of the API. What
// is said of the service as a whole is what a request gets that says nothing
// about itself.
func serviceWeights(r *router.Routes, service string, rules []rules.Route) *fairwayv1.ServiceWeights {
	plain := r.Decide(&mesh.Request{Service: service}, 0)
	out := &fairwayv1.ServiceWeights{
		Service:      service,
		Routes:       routeWeights(r, rules),
		TableVersion: r.Version,
		Ttl:          durationpb.New(plain.TTL),
		AsOf:         timestamp(plain.Decided),
		Endpoints:    endpoints(r.Endpoints),
		Source:       source(plain.Source),
		Reason:       string(plain.Reason),
		Policy:       plain.Policy,
		ModelVersion: plain.Model,
		RulesVersion: plain.RulesVersion,
		MetricsAge:   metricsAge(&plain),
	}
	if d := r.Decision; d != nil {
		for i, ejected := range d.Ejected {
			if ejected {
				out.Ejected = append(out.Ejected, d.Endpoints[i].Name)
			}
		}
	}
	return out
}

// routeWeights has an entry for each rule and one for no match, as Answers has.
func routeWeights(r *router.Routes, rules []rules.Route) []*fairwayv1.RouteWeights {
	var out []*fairwayv1.RouteWeights
	for i, a := range r.Answers() {
		out = append(out, &fairwayv1.RouteWeights{
			Name:       a.Route,
			Priority:   int32(a.Priority),
			Timeout:    durationpb.New(a.Timeout),
			Weights:    weights(r.Endpoints, a.Weights),
			MatchesAll: i >= len(rules) || len(rules[i].Match) == 0 && len(rules[i].Criteria) == 0,
		})
	}
	return out
}
