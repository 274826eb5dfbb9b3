package xds

import (
	"math"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// protocol is the name of the extension that says how an Envoy speaks to endpoints.
const protocol = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

// ads is where everything that a resource points to is asked for: where it came from.
func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{ResourceApiVersion: corev3.ApiVersion_V3, ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}
}

// cluster is what a client does with the endpoints of a route. No outlier detection:
// what is ejected is not among them.
func cluster(name string, a *router.Answer, to kind) (*clusterv3.Cluster, error) {
	out := &clusterv3.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads(), ServiceName: name},
		CircuitBreakers:      breakers(a.Circuit),
	}
	if c := a.Circuit.ConnectTimeout; c > 0 {
		out.ConnectTimeout = durationpb.New(c)
	}
	balanced(out, a.Balance, to)
	if to == grpcClient {
		out.LrsServer = &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Self{Self: &corev3.SelfConfigSource{}}}
		out.LrsReportEndpointMetrics = []string{"cpu_utilization", "mem_utilization", "application_utilization", "named_metrics.*"}
		return out, nil
	}
	options, err := anypb.New(&httpv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: perConnection(a.Circuit.PerConnection),
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_UseDownstreamProtocolConfig{UseDownstreamProtocolConfig: &httpv3.HttpProtocolOptions_UseDownstreamHttpConfig{
			HttpProtocolOptions: &corev3.Http1ProtocolOptions{}, Http2ProtocolOptions: &corev3.Http2ProtocolOptions{},
		}},
	})
	out.TypedExtensionProtocolOptions = map[string]*anypb.Any{protocol: options}
	return out, err
}

func perConnection(n int) *corev3.HttpProtocolOptions {
	out := &corev3.HttpProtocolOptions{}
	if n > 0 {
		out.MaxRequestsPerConnection = wrapperspb.UInt32(bounded(n))
	}
	return out
}

// balanced sets the algorithm. A gRPC client has no Maglev, and its least_request
// knows no weights, as random does not in an Envoy: then the weights are what counts.
func balanced(out *clusterv3.Cluster, b *rules.Balance, to kind) {
	out.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
	switch {
	case b.Algorithm == rules.Maglev && to == envoy:
		out.LbPolicy = clusterv3.Cluster_MAGLEV
		if b.Table > 0 {
			out.LbConfig = &clusterv3.Cluster_MaglevLbConfig_{MaglevLbConfig: &clusterv3.Cluster_MaglevLbConfig{TableSize: wrapperspb.UInt64(uint64(b.Table))}}
		}
	case b.Algorithm == rules.RingHash || b.Algorithm == rules.Maglev:
		out.LbPolicy = clusterv3.Cluster_RING_HASH
		if b.Table > 0 {
			size := wrapperspb.UInt64(uint64(min(b.Table, maxRing)))
			out.LbConfig = &clusterv3.Cluster_RingHashLbConfig_{RingHashLbConfig: &clusterv3.Cluster_RingHashLbConfig{MinimumRingSize: size}}
		}
	case b.Algorithm == rules.LeastRequest && to == envoy:
		out.LbPolicy = clusterv3.Cluster_LEAST_REQUEST
	}
}

// maxRing is the largest ring that clients take.
const maxRing = 8 << 20

// breakers has the rules' bounds, and none where they set none: a client's own is
// 1024 requests. They hold for each route.
func breakers(c *rules.Circuit) *clusterv3.CircuitBreakers {
	out := &clusterv3.CircuitBreakers{}
	for _, priority := range []corev3.RoutingPriority{corev3.RoutingPriority_DEFAULT, corev3.RoutingPriority_HIGH} {
		out.Thresholds = append(out.Thresholds, &clusterv3.CircuitBreakers_Thresholds{
			Priority:       priority,
			MaxConnections: wrapperspb.UInt32(bounded(c.Connections)), MaxPendingRequests: wrapperspb.UInt32(bounded(c.Pending)),
			MaxRequests: wrapperspb.UInt32(bounded(c.Requests)), MaxRetries: wrapperspb.UInt32(bounded(c.Retries)),
		})
	}
	return out
}

// bounded is a bound of which 0 is none.
func bounded(n int) uint32 {
	if n <= 0 {
		return math.MaxUint32
	}
	return uint32(min(uint64(n), math.MaxUint32))
}
