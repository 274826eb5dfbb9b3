package guard

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/peer"
)

// TestOthersProtocols are granted by the Router's method that says the same, for the
// services that are granted.
func TestOthersProtocols(t *testing.T) {
	g, err := New(Access{Limits: DefaultLimits(), Allow: []Grant{
		{Identity: "spiffe://d/watcher", Methods: []string{"Watch"}, Services: []string{"reviews"}},
		{Identity: "spiffe://d/envoy/*", Methods: []string{"Decide", "Report"}},
	}}, prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	const (
		discovery = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
		loads     = "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats"
		processor = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
	)
	for _, test := range []struct {
		who, method, service string
		want                 bool
	}{
		{"spiffe://d/watcher", discovery + "StreamAggregatedResources", "reviews", true},
		{"spiffe://d/watcher", discovery + "DeltaAggregatedResources", "reviews", true},
		{"spiffe://d/watcher", discovery + "DeltaAggregatedResources", "ratings", false},
		{"spiffe://d/watcher", loads, "reviews", false},
		{"spiffe://d/watcher", processor, "reviews", false},
		{"spiffe://d/envoy/1", processor, "ratings", true},
		{"spiffe://d/envoy/1", loads, "ratings", true},
		{"spiffe://d/envoy/1", discovery + "StreamAggregatedResources", "ratings", false},
		{"spiffe://d/other", processor, "ratings", false},
	} {
		ctx := peer.NewContext(t.Context(), &peer.Peer{AuthInfo: &Peer{Identity: test.who, caller: g.caller(test.who)}})
		if got := g.May(ctx, test.method, test.service); got != test.want {
			t.Errorf("%s may ask %s about %s: %v", test.who, test.method, test.service, got)
		}
	}
	if g.May(context.Background(), processor, "ratings") {
		t.Error("somebody without a name may")
	}
}
