package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router"
)

// Server answers the calls of service Router from a table. It is safe for
// concurrent use.
type Server struct {
	fairwayv1.UnimplementedRouterServer
	table   *router.Table
	metrics *Metrics
	cfg     Config
	dice    dice
	health  *health.Server
	closing chan struct{}
	close   sync.Once
}

// New returns a server of the table.
func New(table *router.Table, metrics *Metrics, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{table: table, metrics: metrics, cfg: cfg, health: health.NewServer(), closing: make(chan struct{})}
	s.dice.state.Store(cfg.Seed)
	return s, nil
}

// Register serves the Router, its health and its description on g.
func (s *Server) Register(g *grpc.Server) {
	fairwayv1.RegisterRouterServer(g, s)
	grpc_health_v1.RegisterHealthServer(g, s.health)
	s.health.SetServingStatus(fairwayv1.Router_ServiceDesc.ServiceName, grpc_health_v1.HealthCheckResponse_SERVING)
	reflection.Register(g)
}

// Close ends all watches, so that the gRPC server can stop gracefully, and
// turns the health to NOT_SERVING. A Route or Report goes on as long as its
// client: stop the server for good after a while.
func (s *Server) Close() {
	s.close.Do(func() {
		s.health.Shutdown()
		close(s.closing)
	})
}

var errClosing = status.Error(codes.Unavailable, "the server is stopping; ask another, or again")

// Decide implements the Router service.
func (s *Server) Decide(_ context.Context, in *fairwayv1.DecideRequest) (*fairwayv1.Decision, error) {
	if err := s.cfg.check(in, ""); err != nil {
		return nil, err
	}
	return s.decide(s.table.Look(), in), nil
}

// DecideBatch implements the Router service.
func (s *Server) DecideBatch(ctx context.Context, in *fairwayv1.DecideBatchRequest) (*fairwayv1.DecideBatchResponse, error) {
	if len(in.Requests) > s.cfg.MaxBatch {
		return nil, invalid("requests", fmt.Sprintf("are %d; at most %d are taken at once", len(in.Requests), s.cfg.MaxBatch))
	}
	for i, r := range in.Requests {
		if err := s.cfg.check(r, fmt.Sprintf("requests[%d].", i)); err != nil {
			return nil, err
		}
	}
	out := &fairwayv1.DecideBatchResponse{Decisions: make([]*fairwayv1.Decision, len(in.Requests))}
	look := s.table.Look()
	for i, r := range in.Requests {
		if ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		out.Decisions[i] = s.decide(look, r)
	}
	return out, nil
}

// Route implements the Router service.
func (s *Server) Route(stream grpc.BidiStreamingServer[fairwayv1.DecideRequest, fairwayv1.Decision]) error {
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.cfg.check(in, ""); err != nil {
			return err
		}
		if err := stream.Send(s.decide(s.table.Look(), in)); err != nil {
			return err
		}
	}
}

// decide answers a request that was checked.
func (s *Server) decide(look router.Look, in *fairwayv1.DecideRequest) *fairwayv1.Decision {
	req := request(in)
	routes := look.Load(in.Service)
	answer := routes.Decide(&req, s.dice.roll())
	service := in.Service
	if len(routes.Endpoints) == 0 { // any name that a client thinks of: not a label
		service = ""
	}
	s.metrics.decisions.at(verdict{service, answer.Source, answer.Reason}).Inc()
	return decision(routes, &answer, in)
}

// services are those asked for, or all.
func (s *Server) services(asked []string) []string {
	if len(asked) == 0 {
		return s.table.Services()
	}
	return distinct(asked)
}

func distinct(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}
