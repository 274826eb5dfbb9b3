package api

import (
	"context"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Weights is what a Watch of one service would send first, for those who poll.
func (s *Server) Weights(_ context.Context, in *fairwayv1.WatchRequest) (*fairwayv1.ServiceWeights, error) {
	if len(in.Services) != 1 || in.Services[0] == "" {
		return nil, Invalid("services", "has no name, or several; want one")
	}
	return s.serviceWeights(s.table.Load(in.Services[0]), in.Services[0]), nil
}

// AllWeights is what a Watch would send first: of the services that are named, or
// of all that the table knows where none is, by name.
func (s *Server) AllWeights(_ context.Context, in *fairwayv1.WatchRequest) ([]*fairwayv1.ServiceWeights, error) {
	if err := s.cfg.checkServices(in.Services); err != nil {
		return nil, err
	}
	look, names := s.table.Look(), in.Services
	if len(names) == 0 {
		names = look.Services()
	}
	out := make([]*fairwayv1.ServiceWeights, len(names))
	for i, name := range names {
		out[i] = s.serviceWeights(look.Load(name), name)
	}
	return out, nil
}

// serviceWeights puts the whole table of a service into words of the API. What
// is said of the service as a whole is what a request gets that says nothing
// about itself.
func (s *Server) serviceWeights(r *router.Routes, service string) *fairwayv1.ServiceWeights {
	plain := r.Weigh(&mesh.Request{Service: service})
	out := &fairwayv1.ServiceWeights{
		Service:      service,
		Routes:       routeWeights(r),
		TableVersion: r.Version,
		Ttl:          durationpb.New(plain.TTL),
		AsOf:         timestamp(plain.Decided),
		Endpoints:    endpoints(plain.Endpoints),
		Source:       source(plain.Source),
		Reason:       string(plain.Reason),
		Policy:       plain.Policy,
		ModelVersion: plain.Model,
		RulesVersion: plain.RulesVersion,
		MetricsAge:   metricsAge(&plain),
		Loads:        s.loads(r),
	}
	if d := r.Decision; d != nil {
		for i, ejected := range d.Ejected {
			if ejected {
				out.Ejected = append(out.Ejected, d.Endpoints[i].Name)
			}
		}
	}
	if share, tried, on := r.Trial(); on {
		out.Trial = &fairwayv1.Trial{Share: share, ModelVersion: tried.Model, RulesVersion: tried.RulesVersion}
	}
	return out
}

// routeWeights has an entry for each rule and one for no match, as Answers has; but one
// alone where every request takes the route default anyway, such as of a service that
// no rules name.
func routeWeights(r *router.Routes) []*fairwayv1.RouteWeights {
	var out []*fairwayv1.RouteWeights
	for i, a := range r.Answers() {
		rule, met := r.Rule(i)
		if last := len(out) - 1; rule == nil && last >= 0 && out[last].MatchesAll && out[last].Name == a.Route {
			break
		}
		route := &fairwayv1.RouteWeights{
			Name:     a.Route,
			Priority: int32(a.Priority),
			Retries:  int32(a.Retries),
			RetryOn:  a.RetryOn,
			Timeout:  durationpb.New(a.Timeout),
			Weights:  weights(a.Endpoints, a.Weights, a.Targets),
			Met:      met,

			Balancing: balancing(a.Balance),
			Circuit:   circuit(a.Circuit),
		}
		for _, from := range r.Zones(i) {
			route.Zones = append(route.Zones, &fairwayv1.ZoneWeights{Zone: from.Zone, Weights: weights(a.Endpoints, from.Weights, a.Targets)})
		}
		if a.PerTry > 0 {
			route.PerTryTimeout = durationpb.New(a.PerTry)
		}
		if rule == nil {
			route.MatchesAll = true
		} else {
			route.MatchesAll = len(rule.Match) == 0 && len(rule.Criteria) == 0
			route.Match = conditions(rule.Match)
		}
		out = append(out, route)
	}
	return out
}

func conditions(m rules.Match) []*fairwayv1.Condition {
	var out []*fairwayv1.Condition
	for i := range m {
		out = append(out, &fairwayv1.Condition{
			Of: m[i].Of.Word(), Name: m[i].Name, Op: m[i].Pattern.Op.String(), Value: m[i].Pattern.Value,
			IgnoreCase: m[i].Pattern.IgnoreCase, Negated: m[i].Not,
		})
	}
	return out
}

// loads is what pickers are told of each endpoint; none of an endpoint of which
// nothing is known. Where proxies report what they have in flight, and that is
// newer than the metrics, their sum takes the place of what the metrics said.
func (s *Server) loads(r *router.Routes) []*fairwayv1.EndpointLoad {
	if r.Decision == nil {
		return nil
	}
	var out []*fairwayv1.EndpointLoad
	b, measured, now := &r.Decision.Board, r.Decision.Time.Add(-r.Decision.Age), s.metrics.clock()
	for i, e := range r.Decision.Endpoints {
		l := &fairwayv1.EndpointLoad{Endpoint: e.Name}
		if x, known := positive(b.InFlight, i); known {
			l.InFlight, l.At = x, timestamp(measured)
		}
		if n, at, known := s.inFlight.sum(place{r.Service, e.Name}, now); known && at.After(measured) {
			l.InFlight, l.At = float64(n), timestamp(at)
		}
		if x, known := positive(b.Service, i); known && x <= maxAhead {
			l.ServiceTime = durationpb.New(time.Duration(x * float64(time.Second)))
		}
		l.Capacity, _ = positive(b.Capacity, i)
		if l.At != nil || l.ServiceTime != nil || l.Capacity > 0 {
			out = append(out, l)
		}
	}
	return out
}

// positive is the i-th number, where it is there, finite and not negative.
func positive(list []float64, i int) (x float64, known bool) {
	if i >= len(list) || !(list[i] >= 0) || math.IsInf(list[i], 0) {
		return 0, false
	}
	return list[i], true
}
