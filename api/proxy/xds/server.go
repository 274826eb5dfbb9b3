package xds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"github.com/envoyproxy/go-control-plane/pkg/log"
	typeurl "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	deltav3 "github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	sotwv3 "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/router"
)

// Config is what a Server is told of its surroundings.
type Config struct {
	// Patience is how long after its start the server waits for services that it is
	// asked for and does not know yet, before it says that there are none.
	Patience time.Duration
	// Awaits, where it is set, reports whether metrics are expected of which none have
	// come: services that only they know may then be missing for longer. A client that
	// has been served before is not told that they are gone.
	Awaits func() bool
	// Lead is how long before it is used a new cluster is announced to gRPC clients.
	Lead time.Duration
	// Report is how often clients report their loads.
	Report time.Duration
	// May, where it is set, tells whether who calls may ask about a service by a
	// method, by its full name.
	May func(ctx context.Context, method, service string) bool
	// Board, where it is set, gives who is told what one client has in flight.
	Board func() Teller
	// Metrics, where it is set, counts what is told and what is not.
	Metrics *proxy.Metrics
	Log     *slog.Logger
	Clock   func() time.Time
}

// DefaultConfig is patient for as long as a gRPC client waits for a resource before it
// takes it for missing.
func DefaultConfig() Config {
	return Config{Patience: 15 * time.Second, Lead: time.Second, Report: time.Second, Log: slog.New(slog.DiscardHandler), Clock: time.Now}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	if c.Patience < 0 {
		errs = append(errs, fmt.Errorf("xds: patience is %v; want 0 or more", c.Patience))
	}
	if c.Lead < 0 {
		errs = append(errs, fmt.Errorf("xds: lead is %v; want 0 or more", c.Lead))
	}
	if c.Report < 10*time.Millisecond || c.Report > time.Hour {
		errs = append(errs, fmt.Errorf("xds: report is %v; want 10ms to 1h", c.Report))
	}
	if c.Log == nil || c.Clock == nil {
		errs = append(errs, errors.New("xds: no log, or no clock; begin with DefaultConfig"))
	}
	return errors.Join(errs...)
}

// Server answers discovery and takes load reports. It is safe for concurrent use.
type Server struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	table   *router.Table
	cfg     Config
	metrics *proxy.Adapter
	book    *book
	loads   *loads
	began   time.Time
	closing chan struct{}
	close   sync.Once
}

// New returns a server of the table.
func New(table *router.Table, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Server{
		table: table, cfg: cfg, metrics: cfg.Metrics.Adapter("xds"), book: &book{log: cfg.Log, clock: cfg.Clock, lead: cfg.Lead, pages: map[pageKey]*page{}},
		loads: newLoads(), began: cfg.Clock(), closing: make(chan struct{}),
	}, nil
}

// Register serves discovery and load reports on g.
func (s *Server) Register(g *grpc.Server) {
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(g, s)
	loadv3.RegisterLoadReportingServiceServer(g, &reporting{Server: s})
}

// Close ends all streams, so that the gRPC server can stop gracefully. Clients keep
// what they have, and come back.
func (s *Server) Close() { s.close.Do(func() { close(s.closing) }) }

var errClosing = status.Error(codes.Unavailable, "the server is stopping; ask another, or again")

// StreamAggregatedResources implements the discovery service.
func (s *Server) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	return s.serve(stream.Context(), discoveryv3.AggregatedDiscoveryService_StreamAggregatedResources_FullMethodName, func(ctx context.Context, a *session) error {
		return sotwv3.NewServer(ctx, a, callbacks{a}, sotwv3.WithOrderedADS(), sotwv3.WithLogger(quiet)).StreamHandler(stream, typeurl.AnyType)
	})
}

// DeltaAggregatedResources implements the discovery service.
func (s *Server) DeltaAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	return s.serve(stream.Context(), discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResources_FullMethodName, func(ctx context.Context, a *session) error {
		return deltav3.NewServer(ctx, a, callbacks{a}, sotwv3.WithLogger(quiet)).DeltaStreamHandler(stream, typeurl.AnyType)
	})
}

// quiet is the logger of go-control-plane: what is worth a line, we log.
var quiet = log.NewDefaultLogger()

// serve runs a stream with a session of its own, whose goroutine ends with it.
func (s *Server) serve(ctx context.Context, method string, handle func(context.Context, *session) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	a := s.session(ctx, method)
	following.Go(a.follow)
	following.Go(func() {
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	})
	err := handle(ctx, a)
	select {
	case <-s.closing:
		return errClosing
	default:
		return err
	}
}
