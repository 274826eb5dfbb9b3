package api

import (
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// serviceWeights puts the whole table of a service into words of the API.
func serviceWeights(r *router.Routes, service string) *fairwayv1.ServiceWeights {
	// What a request gets that says nothing about itself.
	plain := r.Decide(&mesh.Request{Service: service}, 0)
	out := &fairwayv1.ServiceWeights{
		Service:      service,
		TableVersion: r.Version,
		Ttl:          durationpb.New(plain.TTL),
		AsOf:         timestamp(r.Decision.Time),
		Endpoints:    endpoints(r.Endpoints),
		Source:       source(plain.Source),
		Reason:       string(plain.Reason),
		Policy:       plain.Policy,
		ModelVersion: plain.Model,
		RulesVersion: plain.RulesVersion,
		Routes: []*fairwayv1.RouteWeights{{
			Name: plain.Route, Priority: int32(plain.Priority), Timeout: durationpb.New(plain.Timeout),
			Weights: weights(r.Endpoints, plain.Weights), MatchesAll: true,
		}},
	}
	if !r.Decision.Time.IsZero() {
		out.MetricsAge = durationpb.New(r.Decision.Age)
	}
	for i, ejected := range r.Decision.Ejected {
		if ejected {
			out.Ejected = append(out.Ejected, r.Decision.Endpoints[i].Name)
		}
	}
	return out
}
