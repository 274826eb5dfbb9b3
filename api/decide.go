package api

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// Decide implements the Router service.
func (s *Server) Decide(ctx context.Context, in *fairwayv1.DecideRequest) (*fairwayv1.Decision, error) {
	if ctx.Err() != nil { // nobody waits for the answer
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	req, err := s.cfg.read(in, alone)
	if err != nil {
		return nil, err
	}
	return s.lean("Decide", &req, in.WantWeights), nil
}

// DecideBatch implements the Router service.
func (s *Server) DecideBatch(ctx context.Context, in *fairwayv1.DecideBatchRequest) (*fairwayv1.DecideBatchResponse, error) {
	n := len(in.Requests)
	if n > s.cfg.MaxBatch {
		return nil, Invalid("requests", fmt.Sprintf("are %d; at most %d are taken at once", n, s.cfg.MaxBatch))
	}
	if !s.load.take(n) {
		return nil, s.busy("DecideBatch")
	}
	defer s.load.give(n)
	all := make([]mesh.Request, n)
	for i, r := range in.Requests {
		var err error
		if all[i], err = s.cfg.read(r, i); err != nil {
			return nil, err
		}
	}
	out := &fairwayv1.DecideBatchResponse{Decisions: make([]*fairwayv1.Decision, n)}
	look := s.table.Look()
	for i, r := range in.Requests {
		if ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		out.Decisions[i] = s.decide(look, &all[i], r.WantWeights)
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
		req, err := s.cfg.read(in, i)
		if err != nil {
			return err
		}
		if err := stream.Send(s.lean("Route", &req, in.WantWeights)); err != nil {
			return err
		}
	}
}

// lean decides, without the list of weights when there is too much to do.
func (s *Server) lean(operation string, req *mesh.Request, wanted bool) *fairwayv1.Decision {
	if s.load.take(1) {
		defer s.load.give(1)
	} else if wanted {
		wanted = false
		s.metrics.shed(operation)
	}
	return s.decide(s.table.Look(), req, wanted)
}

// decide answers a request. Do not write to the answer.
func (s *Server) decide(look router.Look, req *mesh.Request, weights bool) *fairwayv1.Decision {
	routes := look.Load(req.Service)
	answer := routes.Decide(req, s.dice.roll())
	s.count(routes, &answer)
	s.journal(routes.Service, req, &answer)
	if weights {
		decision := new(said).say(&answer, req.Service)
		decision.Weights = weighed(routes, req)
		return decision
	}
	return tell(routes, &answer, req.Service)
}

// count counts a decision. A service that is not known is not named: it is any
// name that a client thinks of.
func (s *Server) count(routes *router.Routes, a *router.Answer) {
	service := routes.Service // whose text outlives the message, unlike the request's
	if len(routes.Endpoints) == 0 {
		service = ""
	}
	s.metrics.decisions.at(verdict{service, a.Source, a.Reason}).Inc()
}
