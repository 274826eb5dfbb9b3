package xds

import (
	"context"
	"io"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	typeurl "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

func fuzzed(t testing.TB) *Server {
	file, err := rules.Parse("fuzz.yaml", []byte(`
services:
  - name: s
    endpoints: [{name: a, address: "127.0.0.1:1"}, {name: b, address: "127.0.0.1:2"}]
    routes: [{name: r, match: {source: {zone: z, labels: {app: x}}}}, {name: q, match: {query: {q: "1"}}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Patience = 0
	s, err := New(router.NewTable(set, router.DefaultConfig()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// FuzzDiscovery sends two requests of any content on a stream of either form.
func FuzzDiscovery(f *testing.F) {
	for _, r := range []proto.Message{
		&discoveryv3.DiscoveryRequest{TypeUrl: typeurl.ClusterType, Node: &corev3.Node{UserAgentName: "gRPC Go"}},
		&discoveryv3.DiscoveryRequest{TypeUrl: typeurl.RouteType, ResourceNames: []string{"s", "|", "s|r"}, Node: &corev3.Node{Locality: &corev3.Locality{Zone: "z"}}},
		&discoveryv3.DeltaDiscoveryRequest{TypeUrl: typeurl.EndpointType, ResourceNamesSubscribe: []string{"s|", "*"}, InitialResourceVersions: map[string]string{"s": "1"}},
	} {
		text, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, text)
	}
	s := fuzzed(f)
	f.Fuzz(func(t *testing.T, first, second []byte) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_ = s.StreamAggregatedResources(&fake[discoveryv3.DiscoveryRequest, discoveryv3.DiscoveryResponse]{ctx: ctx, in: [][]byte{first, second}})
		_ = s.DeltaAggregatedResources(&fake[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]{ctx: ctx, in: [][]byte{first, second}})
	})
}

// FuzzLoads sends two reports of any content, and scrapes what was made of them.
func FuzzLoads(f *testing.F) {
	text, err := proto.Marshal(&loadv3.LoadStatsRequest{ClusterStats: []*endpointv3.ClusterStats{{ClusterName: "s|r", UpstreamLocalityStats: []*endpointv3.UpstreamLocalityStats{{
		Locality: &corev3.Locality{SubZone: "a"}, TotalSuccessfulRequests: 3, TotalRequestsInProgress: 1,
		CpuUtilization:  &endpointv3.UnnamedEndpointLoadMetricStats{NumRequestsFinishedWithMetric: 3, TotalMetricValue: 1.5},
		LoadMetricStats: []*endpointv3.EndpointLoadMetricStats{{MetricName: "named_metrics.queue", NumRequestsFinishedWithMetric: 3, TotalMetricValue: 9}},
	}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, text)
	s := fuzzed(f)
	reg := prometheus.NewRegistry()
	reg.MustRegister(s)
	f.Fuzz(func(t *testing.T, first, second []byte) {
		_ = (&reporting{Server: s}).StreamLoadStats(&fake[loadv3.LoadStatsRequest, loadv3.LoadStatsResponse]{ctx: t.Context(), in: [][]byte{first, second}})
		if _, err := reg.Gather(); err != nil {
			t.Fatal(err)
		}
	})
}

// fake is a stream whose client sends what is given, and then ends its side.
type fake[In, Out any] struct {
	grpc.ServerStream
	ctx context.Context
	in  [][]byte
}

func (s *fake[In, Out]) Context() context.Context { return s.ctx }

func (s *fake[In, Out]) Send(out *Out) error {
	_, err := proto.Marshal(any(out).(proto.Message))
	return err
}

func (s *fake[In, Out]) Recv() (*In, error) {
	if len(s.in) == 0 {
		return nil, io.EOF
	}
	in := new(In)
	err := proto.Unmarshal(s.in[0], any(in).(proto.Message))
	s.in = s.in[1:]
	return in, err
}
