package client

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
)

// Call is a request that is on its way to an endpoint.
type Call struct {
	client   *Client
	choice   Choice
	req      *mesh.Request
	start    time.Time
	inFlight int64 // at the endpoint when it was sent, itself not counted
}

// Begin counts a request as in flight at the endpoint of a Choice, until Done.
// r may be nil; it is read by Done. Choices of a Decide have no endpoint that
// is counted: report those yourself.
func (c *Client) Begin(choice Choice, r *mesh.Request) Call {
	call := Call{client: c, choice: choice, req: r, start: c.cfg.Clock()}
	if choice.open != nil {
		call.inFlight = choice.begin()
	}
	return call
}

// Done ends the request and reports its outcome, with the time since Begin.
// status is the HTTP status of the answer, 0 when there was none before the
// deadline. Call it once.
func (call Call) Done(status int) {
	if call.choice.open == nil {
		return
	}
	call.choice.end()
	of := call.choice.Route.Of
	r := &fairwayv1.OutcomeReport{
		Service: of.GetService(), Endpoint: call.choice.Endpoint.GetName(), Route: call.choice.Route.Name,
		Latency: durationpb.New(call.client.cfg.Clock().Sub(call.start)), Status: int32(status),
		InFlight: int32(call.inFlight), Propensity: call.choice.Propensity, Time: timestamppb.New(call.start),
		TableVersion: of.GetTableVersion(), ModelVersion: of.GetModelVersion(),
		Deadline: durationpb.New(call.choice.Route.Timeout),
	}
	if r.Propensity != r.Propensity { // NaN: a picker's
		r.Propensity = 0
	}
	if call.req != nil {
		r.Class, r.Method, r.Path = valid(call.req.Class), valid(call.req.Method), valid(call.req.Path)
	}
	call.client.Report(r)
}

// valid is s as a message may hold it: what a stranger asked for need not be UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// InFlight is how many requests this client has open at the endpoint of a
// Choice, between Begin and Done.
func (c Choice) InFlight() int {
	if c.open == nil {
		return 0
	}
	return int(c.open.Load())
}
