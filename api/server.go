package api

import (
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
	table    *router.Table
	metrics  *Metrics
	cfg      Config
	dice     dice
	load     load
	inFlight *inFlight
	health   *health.Server
	closing  chan struct{}
	close    sync.Once
}

// New returns a server of the table.
func New(table *router.Table, metrics *Metrics, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{table: table, metrics: metrics, cfg: cfg, inFlight: newInFlight(), health: health.NewServer(), closing: make(chan struct{})}
	s.load.most = int64(cfg.MaxInFlight)
	s.dice.state.Store(cfg.Seed)
	return s, nil
}

// ServerOptions are those with which a gRPC server answers fastest: the
// messages of the Router are read and written by generated code. Without them
// the answers are the same.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(fairwayv1.Codec{}),
		grpc.NumStreamWorkers(workers),
	}
}

// workers are goroutines that take one call after the other, each with a stack that
// has grown already, where a new goroutine for every call grows its own anew. What comes while all are busy, such as with streams,
// gets a new one.
const workers = 256

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
