package api

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router"
)

// Decide implements the Router service.
func (s *Server) Decide(ctx context.Context, in *fairwayv1.DecideRequest) (*fairwayv1.Decision, error) {
	if ctx.Err() != nil { // nobody waits for the answer
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	if err := s.cfg.check(in, alone); err != nil {
		return nil, err
	}
	return s.lean("Decide", in), nil
}

// DecideBatch implements the Router service.
func (s *Server) DecideBatch(ctx context.Context, in *fairwayv1.DecideBatchRequest) (*fairwayv1.DecideBatchResponse, error) {
	n := len(in.Requests)
	if n > s.cfg.MaxBatch {
		return nil, invalid("requests", fmt.Sprintf("are %d; at most %d are taken at once", n, s.cfg.MaxBatch))
	}
	if !s.load.take(n) {
		return nil, s.busy("DecideBatch")
	}
	defer s.load.give(n)
	for i, r := range in.Requests {
		if err := s.cfg.check(r, i); err != nil {
			return nil, err
		}
	}
	out := &fairwayv1.DecideBatchResponse{Decisions: make([]*fairwayv1.Decision, n)}
	all := make([]said, n)
	look := s.table.Look()
	for i, r := range in.Requests {
		if ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		out.Decisions[i] = s.decide(look, r, &all[i], r.WantWeights)
	}
	return out, nil
}

// Route implements the Router service. gRPC reads ahead and writes together
// what is ready, so a client that sends before it has read gets many answers
// in one packet.
func (s *Server) Route(stream grpc.BidiStreamingServer[fairwayv1.DecideRequest, fairwayv1.Decision]) error {
	for i := 0; ; i++ {
		in, err := stream.Recv() // fails when the deadline has passed
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.cfg.check(in, i); err != nil {
			return err
		}
		if err := stream.Send(s.lean("Route", in)); err != nil {
			return err
		}
	}
}

// lean decides, without the list of weights when there is too much to do.
func (s *Server) lean(operation string, in *fairwayv1.DecideRequest) *fairwayv1.Decision {
	wanted := in.WantWeights
	if s.load.take(1) {
		defer s.load.give(1)
	} else if wanted {
		wanted = false
		s.metrics.shed(operation)
	}
	return s.decide(s.table.Look(), in, new(said), wanted)
}

// decide answers a request that was checked.
func (s *Server) decide(look router.Look, in *fairwayv1.DecideRequest, out *said, weights bool) *fairwayv1.Decision {
	req := request(in)
	routes := look.Load(in.Service)
	answer := routes.Decide(&req, s.dice.roll())
	s.count(routes, in.Service, &answer)
	decision := out.say(&answer, in.Service)
	if weights {
		decision.Weights = weighed(routes, &req)
	}
	return decision
}

// count counts a decision. A service that is not known is not named: it is any
// name that a client thinks of.
func (s *Server) count(routes *router.Routes, service string, a *router.Answer) {
	if len(routes.Endpoints) == 0 {
		service = ""
	}
	s.metrics.decisions.at(verdict{service, a.Source, a.Reason}).Inc()
}
