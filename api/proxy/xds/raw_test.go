package xds_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	typeurl "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	adapter "github.com/fairway-mesh/fairway/api/proxy/xds"
	"github.com/fairway-mesh/fairway/mesh/porttest"
)

const two = `
services:
  - {name: reviews, endpoints: [{name: r1, address: "127.0.0.1:9001", zone: a, subset: v1}, {name: r2, address: "127.0.0.1:9002", zone: b, subset: v2}]}
  - {name: ratings, endpoints: [{name: a1, address: "127.0.0.1:9003"}]}
`

var (
	asEnvoy = &corev3.Node{Id: "e", UserAgentName: "envoy"}
	asGRPC  = &corev3.Node{Id: "g", UserAgentName: "gRPC Go"}
)

func discover(t testing.TB, address string) (context.Context, discoveryv3.AggregatedDiscoveryServiceClient) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(func() { cancel(); conn.Close() })
	return ctx, discoveryv3.NewAggregatedDiscoveryServiceClient(conn)
}

// stateOfTheWorld is a client that speaks the protocol by hand.
type stateOfTheWorld struct {
	t testing.TB
	discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
}

func sotw(t testing.TB, address string) *stateOfTheWorld {
	t.Helper()
	ctx, client := discover(t, address)
	stream, err := client.StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &stateOfTheWorld{t, stream}
}

func (s *stateOfTheWorld) send(r *discoveryv3.DiscoveryRequest) {
	s.t.Helper()
	if err := s.Send(r); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stateOfTheWorld) next() *discoveryv3.DiscoveryResponse {
	s.t.Helper()
	r, err := s.Recv()
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// told are the weights of an answer with endpoints: "r1:7000 r2:3000" of a cluster.
func told(t testing.TB, bodies ...interface{ GetValue() []byte }) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, body := range bodies {
		var a endpointv3.ClusterLoadAssignment
		if err := proto.Unmarshal(body.GetValue(), &a); err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, l := range a.Endpoints {
			for _, e := range l.LbEndpoints {
				if l.Locality.SubZone != "" {
					parts = append(parts, fmt.Sprintf("%s:%d", l.Locality.SubZone, l.LoadBalancingWeight.GetValue()))
				} else {
					parts = append(parts, fmt.Sprintf("%s:%d", e.Metadata.FilterMetadata["envoy.lb"].Fields["endpoint"].GetStringValue(), e.LoadBalancingWeight.GetValue()))
				}
			}
		}
		out[a.ClusterName] = strings.Join(parts, " ")
	}
	return out
}

func (s *stateOfTheWorld) endpoints(r *discoveryv3.DiscoveryResponse) map[string]string {
	var list []interface{ GetValue() []byte }
	for _, body := range r.Resources {
		list = append(list, body)
	}
	return told(s.t, list...)
}

func TestStateOfTheWorld(t *testing.T) {
	table := newTable(t, two)
	publish(table, "reviews", 0.7, 0.3)
	control := serve(t, table, "", nil)
	s := sotw(t, control.address)
	ask := &discoveryv3.DiscoveryRequest{Node: asGRPC, TypeUrl: typeurl.EndpointType, ResourceNames: []string{"reviews|default", "ratings|default"}}
	s.send(ask)
	first := s.next()
	if diff := cmp.Diff(map[string]string{"reviews|default": "r1:7000 r2:3000", "ratings|default": "a1:10000"}, s.endpoints(first)); diff != "" {
		t.Error(diff)
	}
	if want := fmt.Sprint(table.Version()); first.VersionInfo != want {
		t.Errorf("version %s, want the table's, %s", first.VersionInfo, want)
	}
	s.send(&discoveryv3.DiscoveryRequest{TypeUrl: ask.TypeUrl, ResourceNames: ask.ResourceNames, VersionInfo: first.VersionInfo, ResponseNonce: first.Nonce})
	publish(table, "ratings", 1)        // which changes nothing
	publish(table, "reviews", 0.1, 0.9) // which does
	second := s.next()
	if diff := cmp.Diff(map[string]string{"reviews|default": "r1:1000 r2:9000"}, s.endpoints(second)); diff != "" {
		t.Errorf("only what has changed: %s", diff)
	}
	// A client that does not take it is not sent it again; what comes next, it is.
	s.send(&discoveryv3.DiscoveryRequest{TypeUrl: ask.TypeUrl, ResourceNames: ask.ResourceNames, VersionInfo: first.VersionInfo, ResponseNonce: second.Nonce,
		ErrorDetail: &status.Status{Message: "no such thing"}})
	eventually(t, "the refusal is counted", func() bool { return count(t, control.reg, "fairway_proxy_fail_open_total", "refused") == 1 })
	publish(table, "reviews", 0.5, 0.5)
	if diff := cmp.Diff(map[string]string{"reviews|default": "r1:5000 r2:5000"}, s.endpoints(s.next())); diff != "" {
		t.Error(diff)
	}
}

// TestEnvoyGetsAllClusters, by asking for no names, and weights at the endpoints.
func TestEnvoyGetsAllClusters(t *testing.T) {
	table := newTable(t, two)
	publish(table, "reviews", 0.7, 0.3)
	s := sotw(t, serve(t, table, "", nil).address)
	s.send(&discoveryv3.DiscoveryRequest{Node: asEnvoy, TypeUrl: typeurl.ClusterType})
	var names []string
	for _, body := range s.next().Resources {
		var c clusterv3.Cluster
		if err := body.UnmarshalTo(&c); err != nil {
			t.Fatal(err)
		}
		names = append(names, c.Name)
		if err := c.ValidateAll(); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"ratings", "ratings|default", "reviews", "reviews|default"}, names); diff != "" {
		t.Error(diff)
	}
	s.send(&discoveryv3.DiscoveryRequest{TypeUrl: typeurl.EndpointType, ResourceNames: []string{"reviews"}})
	if diff := cmp.Diff(map[string]string{"reviews": "r1:7000 r2:3000"}, s.endpoints(s.next())); diff != "" {
		t.Error(diff)
	}
	s.send(&discoveryv3.DiscoveryRequest{TypeUrl: typeurl.ListenerType}) // there are none for an Envoy
	if got := s.next(); len(got.Resources) > 0 {
		t.Errorf("listeners: %v", got)
	}
}

func TestDelta(t *testing.T) {
	table := newTable(t, two)
	publish(table, "reviews", 0.7, 0.3)
	control := serve(t, table, porttest.Address(t), nil)
	names := []string{"reviews|default", "ratings|default"}
	s := delta(t, control.address)
	s.send(&discoveryv3.DeltaDiscoveryRequest{Node: asGRPC, TypeUrl: typeurl.EndpointType, ResourceNamesSubscribe: names})
	first := s.next()
	if diff := cmp.Diff(map[string]string{"reviews|default": "r1:7000 r2:3000", "ratings|default": "a1:10000"}, s.endpoints(first)); diff != "" {
		t.Error(diff)
	}
	publish(table, "reviews", 0.1, 0.9)
	second := s.next()
	if diff := cmp.Diff(map[string]string{"reviews|default": "r1:1000 r2:9000"}, s.endpoints(second)); diff != "" || len(second.RemovedResources) > 0 {
		t.Errorf("only what has changed: %s", diff)
	}
	// After a restart of ours a client that says what it has is sent the rest.
	control.stop()
	serve(t, table, control.address, nil)
	has := map[string]string{}
	for _, r := range append(first.Resources, second.Resources...) {
		has[r.Name] = r.Version
	}
	publish(table, "ratings", 1)
	s = delta(t, control.address)
	s.send(&discoveryv3.DeltaDiscoveryRequest{Node: asGRPC, TypeUrl: typeurl.EndpointType, ResourceNamesSubscribe: names, InitialResourceVersions: has})
	publish(table, "reviews", 0.4, 0.6)
	if diff := cmp.Diff(map[string]string{"reviews|default": "r1:4000 r2:6000"}, s.endpoints(s.next())); diff != "" {
		t.Error(diff)
	}
}

type deltaClient struct {
	t testing.TB
	discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
}

func delta(t testing.TB, address string) *deltaClient {
	t.Helper()
	ctx, client := discover(t, address)
	stream, err := client.DeltaAggregatedResources(ctx, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	return &deltaClient{t, stream}
}

func (s *deltaClient) send(r *discoveryv3.DeltaDiscoveryRequest) {
	s.t.Helper()
	if err := s.Send(r); err != nil {
		s.t.Fatal(err)
	}
}

// next acknowledges what comes.
func (s *deltaClient) next() *discoveryv3.DeltaDiscoveryResponse {
	s.t.Helper()
	r, err := s.Recv()
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce})
	return r
}

func (s *deltaClient) endpoints(r *discoveryv3.DeltaDiscoveryResponse) map[string]string {
	var list []interface{ GetValue() []byte }
	for _, r := range r.Resources {
		list = append(list, r.Resource)
	}
	return told(s.t, list...)
}

// TestKeepsWhatClientsHave: a service that leaves the table, endpoints that all lose
// their weight, and one that was never there take nothing from anybody.
func TestKeepsWhatClientsHave(t *testing.T) {
	table := newTable(t, two)
	publish(table, "reviews", 0.7, 0.3)
	control := serve(t, table, "", func(c *adapter.Config) { c.Patience = 0 })
	s := sotw(t, control.address)
	ask := &discoveryv3.DiscoveryRequest{Node: asGRPC, TypeUrl: typeurl.ClusterType, ResourceNames: []string{"reviews|default", "ratings|default", "nobody|default"}}
	s.send(ask)
	if got := len(s.next().Resources); got != 2 {
		t.Errorf("%d clusters", got)
	}
	table.SetRules(newTable(t, `services: [{name: ratings, endpoints: [{name: a1}]}]`).Rules()) // reviews is of the metrics only now, and ratings has no address
	s.send(&discoveryv3.DiscoveryRequest{TypeUrl: typeurl.EndpointType, ResourceNames: []string{"reviews|default", "ratings|default"}})
	if diff := cmp.Diff(map[string]string{"reviews|default": "r1:7000 r2:3000", "ratings|default": "a1:10000"}, s.endpoints(s.next())); diff != "" {
		t.Error(diff)
	}
	if got := count(t, control.reg, "fairway_proxy_fail_open_total", "unknown_service"); got != 1 {
		t.Errorf("unknown services: %v", got)
	}
}

// TestIsPatient: after a start, an answer with all that there is waits for what may
// still come, since a client takes what is not in it for deleted.
func TestIsPatient(t *testing.T) {
	table := newTable(t, two)
	s := sotw(t, serve(t, table, "", nil).address)
	s.send(&discoveryv3.DiscoveryRequest{Node: asGRPC, TypeUrl: typeurl.ClusterType, ResourceNames: []string{"reviews|default", "late|default"}})
	table.SetRules(newTable(t, two+`  - {name: late, endpoints: [{name: l1, address: "127.0.0.1:9004"}]}`).Rules())
	if got := len(s.next().Resources); got != 2 {
		t.Errorf("%d clusters", got)
	}
}

// TestAwaits: while metrics are awaited, a client that has been served before is not
// told that what only they know is gone; one that has nothing gets what there is.
func TestAwaits(t *testing.T) {
	table := newTable(t, two)
	at := serve(t, table, "", func(c *adapter.Config) { c.Patience, c.Awaits = 0, func() bool { return true } }).address
	names := []string{"reviews|default", "late|default"}
	fresh := sotw(t, at)
	fresh.send(&discoveryv3.DiscoveryRequest{Node: asGRPC, TypeUrl: typeurl.ClusterType, ResourceNames: names})
	if got := len(fresh.next().Resources); got != 1 {
		t.Errorf("a new client gets %d clusters; want 1", got)
	}
	served := sotw(t, at)
	served.send(&discoveryv3.DiscoveryRequest{Node: asGRPC, TypeUrl: typeurl.ClusterType, ResourceNames: names, VersionInfo: "7"})
	table.SetRules(newTable(t, two+`  - {name: late, endpoints: [{name: l1, address: "127.0.0.1:9004"}]}`).Rules())
	if got := len(served.next().Resources); got != 2 {
		t.Errorf("a client that had both gets %d clusters; want 2", got)
	}
}

func TestWhoMayAsk(t *testing.T) {
	table := newTable(t, two)
	s := sotw(t, serve(t, table, "", func(c *adapter.Config) {
		c.May = func(_ context.Context, method, service string) bool {
			return service == "ratings" && method == "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
		}
	}).address)
	s.send(&discoveryv3.DiscoveryRequest{Node: asGRPC, TypeUrl: typeurl.EndpointType, ResourceNames: []string{"reviews|default", "ratings|default"}})
	if diff := cmp.Diff(map[string]string{"ratings|default": "a1:10000"}, s.endpoints(s.next())); diff != "" {
		t.Error(diff)
	}
}

// TestZones: callers from a zone that has weights of its own are told those.
func TestZones(t *testing.T) {
	table := newTable(t, `
services:
  - name: reviews
    endpoints: [{name: r1, address: "127.0.0.1:9001", zone: a}, {name: r2, address: "127.0.0.1:9002", zone: b}]
    locality: {spill: {split: {a: {a: 80, b: 20}}}}
`)
	publish(table, "reviews", 0.5, 0.5)
	control := serve(t, table, "", nil)
	for zone, want := range map[string]string{"": "r1:5000 r2:5000", "a": "r1:8000 r2:2000"} {
		s := sotw(t, control.address)
		s.send(&discoveryv3.DiscoveryRequest{Node: &corev3.Node{UserAgentName: "gRPC Go", Locality: &corev3.Locality{Zone: zone}},
			TypeUrl: typeurl.EndpointType, ResourceNames: []string{"reviews|default", "reviews"}})
		if diff := cmp.Diff(map[string]string{"reviews|default": want, "reviews": want}, s.endpoints(s.next())); diff != "" {
			t.Errorf("zone %q: %s", zone, diff)
		}
	}
}
