package guard

import (
	"slices"
	"strings"

	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/identity"
)

// permit says what may be asked about; nil services are all.
type permit struct{ services map[string]bool }

// permits are what one identity may call, by full method; rest is for methods
// that are not listed.
type permits struct {
	methods map[string]*permit
	rest    *permit
	decide  *permit // of methods, without a look into the map: that is called most
}

func (p *permits) of(method string) *permit {
	if method == fairwayv1.Router_Decide_FullMethodName {
		return p.decide
	}
	if permit, listed := p.methods[method]; listed {
		return permit
	}
	return p.rest
}

// permitted compiles what the grants give to name.
func permitted(allow []Grant, name string) *permits {
	out := &permits{methods: map[string]*permit{}, rest: granted(allow, name, Everything)}
	for _, full := range router() {
		out.methods[full] = granted(allow, name, full[strings.LastIndexByte(full, '/')+1:])
	}
	for full, same := range likewise {
		out.methods[full] = granted(allow, name, same)
	}
	h := &grpc_health_v1.Health_ServiceDesc
	for _, m := range []string{"Check", "List", "Watch"} {
		out.methods["/"+h.ServiceName+"/"+m] = granted(allow, name, Health)
	}
	for _, version := range []string{"v1", "v1alpha"} {
		out.methods["/grpc.reflection."+version+".ServerReflection/ServerReflectionInfo"] = granted(allow, name, Reflection)
	}
	for _, other := range []string{Metrics, Admin} {
		out.methods[other] = granted(allow, name, other)
	}
	out.decide = out.methods[fairwayv1.Router_Decide_FullMethodName]
	return out
}

// granted adds up what the grants give of one method; nil is nothing.
func granted(allow []Grant, name, method string) *permit {
	var out *permit
	for _, g := range allow {
		if !identity.Match(g.Identity, name) || !slices.Contains(g.Methods, method) && !slices.Contains(g.Methods, Everything) {
			continue
		}
		if len(g.Services) == 0 {
			return &permit{}
		}
		if out == nil {
			out = &permit{services: map[string]bool{}}
		}
		for _, s := range g.Services {
			out.services[s] = true
		}
	}
	return out
}

// covers tells whether all services that a message asks about are permitted,
// else which one is not.
func (p *permit) covers(message any) (refused string, ok bool) {
	if p.services == nil {
		return "", true
	}
	switch in := message.(type) {
	case *fairwayv1.DecideRequest:
		return in.Service, p.services[in.Service]
	case *fairwayv1.OutcomeReport:
		return in.Service, p.services[in.Service]
	case *fairwayv1.WatchRequest:
		return p.coversAll(in.Services)
	case *fairwayv1.ForecastRequest:
		return p.coversAll(in.Services)
	case *fairwayv1.DecideBatchRequest:
		for _, r := range in.Requests {
			if !p.services[r.GetService()] {
				return r.GetService(), false
			}
		}
	}
	return "", true
}

// coversAll is covers for a list of which none means all.
func (p *permit) coversAll(services []string) (refused string, ok bool) {
	for _, s := range services {
		if !p.services[s] {
			return s, false
		}
	}
	return "all services", len(services) > 0
}
