package xds

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// Teller is one client. What it told last stands until it leaves, or for some seconds.
type Teller interface {
	Tell(service, endpoint string, inFlight int64)
	Leave()
}

// report is what one client says of one endpoint for the time since its last one.
type report struct {
	inFlight   int64
	ok, failed uint64
	measures   []measure
}

// measure is a metric that the endpoint itself reported beside its answers (ORCA).
type measure struct {
	name  string
	count uint64 // of the answers that brought it
	sum   float64
}

// reporting serves the load reports of a Server.
type reporting struct {
	loadv3.UnimplementedLoadReportingServiceServer
	*Server
}

// StreamLoadStats implements the load reporting service. gRPC counts by locality,
// which here is an endpoint; Envoy by endpoint, as the answer asks it to.
func (s *reporting) StreamLoadStats(stream loadv3.LoadReportingService_StreamLoadStatsServer) error {
	ctx := stream.Context()
	if s.cfg.Board != nil {
		teller := s.cfg.Board()
		defer teller.Leave()
		ctx = context.WithValue(ctx, tellerKey{}, teller)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.listen(ctx, stream) }() // ends with the stream
	select {
	case err := <-ended:
		return err
	case <-s.closing:
		return errClosing
	}
}

type tellerKey struct{}

func (s *reporting) listen(ctx context.Context, stream loadv3.LoadReportingService_StreamLoadStatsServer) error {
	for first := true; ; first = false {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.take(ctx, in.GetClusterStats())
		if !first {
			continue
		}
		err = stream.Send(&loadv3.LoadStatsResponse{SendAllClusters: true, ReportEndpointGranularity: true, LoadReportingInterval: durationpb.New(s.cfg.Report)})
		if err != nil {
			return err
		}
	}
}

// take reads one message. A client has one number in flight for each cluster, of
// which a service has one for each route.
func (s *reporting) take(ctx context.Context, list []*endpointv3.ClusterStats) {
	teller, _ := ctx.Value(tellerKey{}).(Teller)
	look := s.table.Look()
	said := map[place]*report{}
	for _, stats := range list {
		service := serviceOf(stats.GetClusterName())
		if s.cfg.May != nil && !s.cfg.May(ctx, loadv3.LoadReportingService_StreamLoadStats_FullMethodName, service) {
			s.metrics.FailedOpen("refused")
			continue
		}
		s.read(look.Load(service), stats, said)
	}
	for at, r := range said {
		s.loads.add(at, r)
		if teller != nil {
			teller.Tell(at.service, at.endpoint, r.inFlight)
		}
	}
}

// place is an endpoint, by the table's own strings.
type place struct{ service, endpoint string }

// read adds up what is said of the endpoints of a service that the table knows.
func (s *reporting) read(routes *router.Routes, stats *endpointv3.ClusterStats, said map[place]*report) {
	var names map[string]string // by address
	for _, l := range stats.GetUpstreamLocalityStats() {
		if len(l.GetUpstreamEndpointStats()) == 0 {
			r := s.of(routes, l.GetLocality().GetSubZone(), said)
			r.count(l.GetTotalRequestsInProgress(), l.GetTotalSuccessfulRequests(), l.GetTotalErrorRequests())
			r.measured("cpu_utilization", l.GetCpuUtilization())
			r.measured("mem_utilization", l.GetMemUtilization())
			r.measured("application_utilization", l.GetApplicationUtilization())
			r.named(l.GetLoadMetricStats())
			continue
		}
		if names == nil {
			names = make(map[string]string, len(routes.Endpoints))
			for i := range routes.Endpoints {
				names[routes.Endpoints[i].Address] = routes.Endpoints[i].Name
			}
		}
		for _, one := range l.GetUpstreamEndpointStats() {
			r := s.of(routes, names[dial(one)], said)
			r.count(one.GetTotalRequestsInProgress(), one.GetTotalSuccessfulRequests(), one.GetTotalErrorRequests())
			r.named(one.GetLoadMetricStats())
		}
	}
}

// of is the report of an endpoint, one that nobody reads where it is not known.
func (s *reporting) of(routes *router.Routes, name string, said map[place]*report) *report {
	i, found := slices.BinarySearchFunc(routes.Endpoints, name, byName)
	if !found {
		s.metrics.FailedOpen("unknown_endpoint")
		return &report{}
	}
	at := place{routes.Service, routes.Endpoints[i].Name}
	if said[at] == nil {
		said[at] = &report{}
	}
	return said[at]
}

// byName is the order of a table's endpoints.
func byName(e mesh.Endpoint, name string) int { return strings.Compare(e.Name, name) }

// count bounds what is counted: a number that nobody can mean is not added up.
func (r *report) count(inFlight, ok, failed uint64) {
	const most = 1 << 32
	if inFlight <= most && ok <= most && failed <= most {
		r.inFlight, r.ok, r.failed = r.inFlight+int64(inFlight), r.ok+ok, r.failed+failed
	}
}

func (r *report) measured(name string, m *endpointv3.UnnamedEndpointLoadMetricStats) {
	if m != nil {
		r.measures = append(r.measures, measure{name, m.GetNumRequestsFinishedWithMetric(), m.GetTotalMetricValue()})
	}
}

// named takes the metrics that have names; gRPC writes "named_metrics." before them.
func (r *report) named(list []*endpointv3.EndpointLoadMetricStats) {
	for _, m := range list {
		r.measures = append(r.measures, measure{strings.TrimPrefix(m.GetMetricName(), "named_metrics."), m.GetNumRequestsFinishedWithMetric(), m.GetTotalMetricValue()})
	}
}
