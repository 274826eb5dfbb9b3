package api

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// decision puts an answer into words of the API.
func decision(routes *router.Routes, a *router.Answer, in *fairwayv1.DecideRequest) *fairwayv1.Decision {
	out := &fairwayv1.Decision{
		Service:      in.Service,
		Route:        a.Route,
		Destination:  &fairwayv1.Destination{Subset: a.Subset},
		Endpoint:     &fairwayv1.Endpoint{},
		Priority:     int32(a.Priority),
		Timeout:      durationpb.New(a.Timeout),
		Source:       source(a.Source),
		Reason:       string(a.Reason),
		Policy:       a.Policy,
		ModelVersion: a.Model,
		RulesVersion: a.RulesVersion,
		TableVersion: a.TableVersion,
		Propensity:   a.Propensity,
		Ttl:          durationpb.New(a.TTL),
		DecidedAt:    timestamp(a.Decided),
		MetricsAt:    timestamp(a.MetricsTime),
		MetricsAge:   metricsAge(a),
	}
	if a.Endpoint >= 0 {
		out.Endpoint = endpoint(&a.Endpoints[a.Endpoint])
	}
	if in.WantWeights {
		out.Weights = weights(a.Endpoints, a.Weights)
	}
	return out
}

func source(s router.Source) fairwayv1.Decision_Source {
	switch s {
	case router.SourceModel:
		return fairwayv1.Decision_MODEL
	case router.SourceRules:
		return fairwayv1.Decision_RULES
	}
	return fairwayv1.Decision_DEFAULT
}

func endpoint(e *mesh.Endpoint) *fairwayv1.Endpoint {
	return &fairwayv1.Endpoint{Name: e.Name, Address: e.Address, Zone: e.Zone, Subset: e.Subset}
}

func endpoints(list []mesh.Endpoint) []*fairwayv1.Endpoint {
	out := make([]*fairwayv1.Endpoint, len(list))
	for i := range list {
		out[i] = endpoint(&list[i])
	}
	return out
}

// weights pairs the endpoints with their weights; none when w is empty.
func weights(list []mesh.Endpoint, w mesh.Weights) []*fairwayv1.EndpointWeight {
	out := make([]*fairwayv1.EndpointWeight, len(w))
	for i := range w {
		out[i] = &fairwayv1.EndpointWeight{Endpoint: list[i].Name, Weight: w[i]}
	}
	return out
}

// timestamp leaves out the zero time, which stands for never.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// metricsAge is unset where no metrics were decided upon.
func metricsAge(a *router.Answer) *durationpb.Duration {
	if a.MetricsTime.IsZero() {
		return nil
	}
	return durationpb.New(a.Decided.Sub(a.MetricsTime))
}
