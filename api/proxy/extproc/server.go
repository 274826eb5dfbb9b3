package extproc

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/router"
)

// Config is what a Server is told of its surroundings.
type Config struct {
	// May, where it is set, tells whether who calls may ask about a service by a
	// method, by its full name.
	May func(ctx context.Context, method, service string) bool
	// Metrics, where it is set, counts what is told and what is not.
	Metrics *proxy.Metrics
	Clock   func() time.Time
}

// Server is an external processor. It is safe for concurrent use.
type Server struct {
	procv3.UnimplementedExternalProcessorServer
	table    *router.Table
	api      *api.Server
	teller   *api.Teller
	cfg      Config
	metrics  *proxy.Adapter
	inFlight sync.Map // *atomic.Int64 by place
}

// place is an endpoint of a service.
type place struct{ service, endpoint string }

// New returns a processor whose decisions are those of decides, made by table. Close
// it in the end.
func New(table *router.Table, decides *api.Server, cfg Config) *Server {
	return &Server{table: table, api: decides, teller: decides.Teller(), cfg: cfg, metrics: cfg.Metrics.Adapter("ext_proc")}
}

// Register serves the processor on g.
func (s *Server) Register(g *grpc.Server) { procv3.RegisterExternalProcessorServer(g, s) }

// Close takes back what is known to be in flight. Streams end with their requests.
func (s *Server) Close() { s.teller.Leave() }

// exchange is one request of Envoy's and its response.
type exchange struct {
	asked    *fairwayv1.DecideRequest
	decision *fairwayv1.Decision // nil: none was made
	began    time.Time
	inFlight *atomic.Int64
}

// Process implements the external processor: a stream for each request.
func (s *Server) Process(stream procv3.ExternalProcessor_ProcessServer) error {
	var x exchange
	defer func() { s.end(&x) }()
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var out *procv3.ProcessingResponse
		switch {
		case in.GetRequestHeaders() != nil:
			out = s.decide(stream.Context(), in, &x)
		case in.GetResponseHeaders() != nil:
			s.report(stream.Context(), in.GetResponseHeaders().GetHeaders().GetHeaders(), &x)
			out = responseHeaders
		default:
			out = passed(in)
		}
		if out == nil || in.GetObservabilityMode() {
			continue
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

// decide answers the headers of a request, which come once.
func (s *Server) decide(ctx context.Context, in *procv3.ProcessingRequest, x *exchange) *procv3.ProcessingResponse {
	s.end(x)
	ask := read(in.GetRequestHeaders().GetHeaders().GetHeaders())
	ask.Service = service(ctx, in, ask.Host, s.knows)
	ask.Source = source(said(in))
	why := s.ask(ctx, ask, x)
	if why != "" {
		s.metrics.FailedOpen(why)
		return unchanged(ask.Headers)
	}
	s.metrics.Answered()
	want := metadata.ValueFromIncomingContext(ctx, originalDst)
	return decided(x.decision, ask.Headers, len(want) > 0 && want[0] == "true")
}

func (s *Server) knows(service string) bool { return len(s.table.Load(service).Endpoints) > 0 }

// ask decides, or says why nothing is decided.
func (s *Server) ask(ctx context.Context, ask *fairwayv1.DecideRequest, x *exchange) (why string) {
	switch {
	case !s.knows(ask.Service):
		return "unknown_service"
	case s.cfg.May != nil && !s.cfg.May(ctx, procv3.ExternalProcessor_Process_FullMethodName, ask.Service):
		return "refused"
	}
	d, err := s.api.Decide(ctx, ask)
	if err != nil {
		return "malformed"
	}
	if d.GetEndpoint().GetName() == "" {
		return "no_endpoints"
	}
	at := place{s.table.Load(ask.Service).Service, d.Endpoint.Name} // by whichever name it was asked for
	count, known := s.inFlight.Load(at)
	if !known { // as many as the table has endpoints
		count, _ = s.inFlight.LoadOrStore(at, &atomic.Int64{})
	}
	*x = exchange{asked: ask, decision: d, began: s.cfg.Clock(), inFlight: count.(*atomic.Int64)}
	x.inFlight.Add(1)
	return ""
}

// report tells what became of the request: how long until the headers of its answer,
// and how it ended. The count in flight is without it.
func (s *Server) report(ctx context.Context, list []*corev3.HeaderValue, x *exchange) {
	d := x.decision
	if d == nil {
		return
	}
	took := s.cfg.Clock().Sub(x.began)
	s.end(x)
	s.teller.Outcome(ctx, &fairwayv1.OutcomeReport{
		Service: d.Service, Endpoint: d.Endpoint.Name, Route: d.Route, Method: x.asked.Method, Path: x.asked.Path,
		Latency: durationpb.New(took), Deadline: d.Timeout, Status: int32(status(list)),
		Propensity: d.Propensity, ModelVersion: d.ModelVersion, TableVersion: d.TableVersion,
		InFlight: max(0, int32(x.inFlight.Load())),
	})
}

// end takes the request off what is in flight, once.
func (s *Server) end(x *exchange) {
	if x.decision != nil {
		x.decision = nil
		x.inFlight.Add(-1)
	}
}

// status is that of HTTP, or for a call of gRPC which ended with its headers that
// which stands for its own: what an endpoint is to blame for is a 5xx. 0 is none.
func status(list []*corev3.HeaderValue) (code int) {
	for _, h := range list {
		switch h.GetKey() {
		case ":status":
			code, _ = strconv.Atoi(value(h))
		case "grpc-status":
			if blamed[value(h)] {
				return 503
			}
		}
	}
	return code
}

// blamed are UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE and DATA_LOSS.
var blamed = map[string]bool{"2": true, "4": true, "13": true, "14": true, "15": true}
