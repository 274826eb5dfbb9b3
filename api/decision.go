package api

import (
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// page holds the decisions of one edition of a service, by route and endpoint, each
// made when it is first given: while no trial is on, two requests that take the
// same route from the same zone to the same endpoint are told the same. They are shared: nobody writes
// to one.
type page []atomic.Pointer[fairwayv1.Decision]

// pageOf is the page of the routes; nil where answers depend on more.
func pageOf(r *router.Routes) page {
	if known, ok := r.Memo.Load().(page); ok {
		return known
	}
	if _, _, on := r.Trial(); on || len(r.Endpoints) == 0 {
		return nil
	}
	r.Memo.CompareAndSwap(nil, make(page, r.Places()*len(r.Endpoints)))
	return r.Memo.Load().(page)
}

// tell is the answer in words of the API. It may be shared: do not write to it.
func tell(r *router.Routes, a *router.Answer, service string) *fairwayv1.Decision {
	p := pageOf(r)
	if p == nil || a.Endpoint < 0 {
		return new(said).say(a, service)
	}
	place := &p[a.Place*len(r.Endpoints)+a.Endpoint]
	if told := place.Load(); told != nil {
		return told
	}
	told := new(said).say(a, r.Service)
	place.Store(told)
	return told
}

// said is a decision with all that it points to but its weights, in one piece
// of memory.
type said struct {
	decision           fairwayv1.Decision
	destination        fairwayv1.Destination
	endpoint           fairwayv1.Endpoint
	timeout, ttl, age  durationpb.Duration
	perTry             durationpb.Duration
	decided, metricsAt timestamppb.Timestamp
}

// say puts an answer into words of the API, for the service by the name that
// was asked for.
func (s *said) say(a *router.Answer, service string) *fairwayv1.Decision {
	out := &s.decision
	out.Service = service
	out.Route = a.Route
	s.destination.Subset = a.Subset
	out.Destination = &s.destination
	out.Endpoint = &s.endpoint
	if a.Endpoint >= 0 {
		setEndpoint(out.Endpoint, &a.Endpoints[a.Endpoint])
	}
	out.Priority, out.Retries = int32(a.Priority), int32(a.Retries)
	out.Timeout = setDuration(&s.timeout, a.Timeout)
	if out.RetryOn = a.RetryOn; a.PerTry > 0 {
		out.PerTryTimeout = setDuration(&s.perTry, a.PerTry)
	}
	out.Source, out.Reason = source(a.Source), string(a.Reason)
	out.Policy, out.ModelVersion = a.Policy, a.Model
	out.RulesVersion, out.TableVersion = a.RulesVersion, a.TableVersion
	out.Propensity, out.Line = a.Propensity, string(a.Line)
	out.Ttl = setDuration(&s.ttl, a.TTL)
	out.DecidedAt = setTimestamp(&s.decided, a.Decided)
	out.MetricsAt = setTimestamp(&s.metricsAt, a.MetricsTime)
	if !a.MetricsTime.IsZero() {
		out.MetricsAge = setDuration(&s.age, a.Decided.Sub(a.MetricsTime))
	}
	return out
}

func setDuration(to *durationpb.Duration, d time.Duration) *durationpb.Duration {
	to.Seconds, to.Nanos = int64(d/time.Second), int32(d%time.Second)
	return to
}

// setTimestamp leaves out the zero time, which stands for never.
func setTimestamp(to *timestamppb.Timestamp, t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	to.Seconds, to.Nanos = t.Unix(), int32(t.Nanosecond())
	return to
}

func setEndpoint(to *fairwayv1.Endpoint, e *mesh.Endpoint) {
	to.Name, to.Address, to.Zone, to.Subset = e.Name, e.Address, e.Zone, e.Subset
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

// weighed are the weights that requests like this one meet.
func weighed(routes *router.Routes, req *mesh.Request) []*fairwayv1.EndpointWeight {
	answer := routes.Weigh(req)
	return weights(answer.Endpoints, answer.Weights, answer.Targets)
}

// weights pairs the endpoints with their weights; none when w is empty.
func weights(list []mesh.Endpoint, w mesh.Weights, targets []string) []*fairwayv1.EndpointWeight {
	out := make([]*fairwayv1.EndpointWeight, len(w))
	for i := range w {
		out[i] = &fairwayv1.EndpointWeight{Endpoint: list[i].Name, Weight: w[i]}
		if targets != nil {
			out[i].Target = targets[i]
		}
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
