package client

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
)

// Answer is a decision and who made it. The Decision is never nil.
type Answer struct {
	*fairwayv1.Decision
	From From
	// Err says why no daemon's answer was taken; nil where one was. A request
	// that the daemon refuses is INVALID_ARGUMENT, and a fault of the caller.
	Err error
}

// Decide asks a daemon about one request, for at most Config.Deadline or as
// long as ctx allows. When none answers, or one is overloaded, it decides from
// what Watch brought, as Pick does: the decision then has the reason "stale"
// where the weights have expired, or "full" (see Choice.Full), and no time to live. A daemon that failed is
// left alone for a while, and others are asked meanwhile.
func (c *Client) Decide(ctx context.Context, in *fairwayv1.DecideRequest) Answer {
	d, err := c.askAny(ctx, in)
	if err == nil && d.GetEndpoint().GetName() != "" {
		return Answer{Decision: d, From: Daemon}
	}
	req := request(in)
	choice := c.Pick(req.Service, &req)
	if err == nil {
		if choice.Endpoint == nil {
			return Answer{Decision: d, From: Daemon}
		}
		err = errNoEndpoint
	}
	return Answer{Decision: choice.decision(in), From: choice.From, Err: err}
}

// errNoEndpoint is that of a daemon that has not seen the service yet, for one.
var errNoEndpoint = status.Error(codes.NotFound, "client: the daemon knows no endpoint for the request")

var errLeftAlone = status.Error(codes.Unavailable, "client: all daemons failed a moment ago, or asked to be left alone")

func (c *Client) askAny(ctx context.Context, in *fairwayv1.DecideRequest) (*fairwayv1.Decision, error) {
	bounded, cancel := context.WithTimeout(ctx, c.cfg.Deadline)
	defer cancel()
	err := errLeftAlone
	first := int(c.current.Load())
	for k := range c.targets {
		at := (first + k) % len(c.targets)
		t := c.targets[at]
		turn, left := t.ask(c.cfg.Clock())
		if left > 0 {
			continue
		}
		var d *fairwayv1.Decision
		if d, err = t.router.Decide(bounded, in); err == nil {
			t.answered(turn)
			c.current.Store(uint32(at))
			return d, nil
		}
		if status.Code(err) == codes.InvalidArgument {
			t.answered(turn)
			return nil, err
		}
		if ctx.Err() != nil { // the caller's own end, not the daemon's fault
			return nil, err
		}
		t.failed(turn, c.cfg.Clock(), err, c.roll())
		if bounded.Err() != nil {
			return nil, err
		}
	}
	return nil, err
}

// request shares the strings and maps of in, as the daemon does.
func request(in *fairwayv1.DecideRequest) mesh.Request {
	path, query, _ := strings.Cut(in.GetPath(), "?")
	return mesh.Request{
		Service: in.GetService(), Method: in.GetMethod(), Path: path, Query: query, Host: in.GetHost(),
		Headers: lowered(in.GetHeaders()), Class: in.GetClass(), SessionKey: in.GetSessionKey(),
		Source: mesh.Source{Labels: in.GetSource().GetLabels(), Zone: in.GetSource().GetZone()},
	}
}

func lowered(headers map[string]string) map[string]string {
	for name := range headers {
		if strings.ToLower(name) == name {
			continue
		}
		lower := make(map[string]string, len(headers))
		for name, value := range headers {
			lower[strings.ToLower(name)] = value
		}
		return lower
	}
	return headers
}

// decision puts a local choice into the words of the API.
func (c Choice) decision(in *fairwayv1.DecideRequest) *fairwayv1.Decision {
	d := &fairwayv1.Decision{
		Service: in.GetService(), Route: "default", Destination: &fairwayv1.Destination{Subset: "default"},
		Endpoint: &fairwayv1.Endpoint{}, Source: fairwayv1.Decision_DEFAULT, Reason: "no_endpoints",
		Propensity: c.Propensity,
	}
	if r := c.Route; r != nil {
		d.Route, d.Priority, d.Retries, d.Timeout = r.Name, int32(r.Priority), int32(r.Retries), durationpb.New(r.Timeout)
		d.TableVersion, d.ModelVersion, d.RulesVersion = r.Of.GetTableVersion(), r.Of.GetModelVersion(), r.Of.GetRulesVersion()
		d.Policy, d.DecidedAt, d.MetricsAge = r.Of.GetPolicy(), r.Of.GetAsOf(), r.Of.GetMetricsAge()
	}
	if c.Endpoint == nil {
		return d
	}
	d.Endpoint, d.Reason = c.Endpoint, "stale"
	if c.From == Weights {
		d.Source, d.Reason = c.Route.Of.GetSource(), c.Route.Of.GetReason()
	}
	if c.Full {
		d.Reason = "full"
	}
	if d.Propensity != d.Propensity { // NaN: passed on from one that is full
		d.Propensity = 0
	}
	if c.Route.Name != "default" {
		d.Destination.Subset = c.Endpoint.Subset
	}
	return d
}
