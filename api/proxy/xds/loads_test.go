package xds_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// TestLoadsComeBack: a stock gRPC client reports what it has in flight, how its
// requests ended and what endpoints said of themselves (ORCA); pickers that watch
// the table are told what is in flight, and a scrape the rest.
func TestLoadsComeBack(t *testing.T) {
	list := endpoints(t, 2)
	table := newTable(t, fmt.Sprintf("services: [{name: reviews, endpoints: %s}]", yaml(list)))
	control := serve(t, table, "", nil)
	publish(table, "reviews", 1, 0)
	client := dial(t, control.address, "reviews", "")
	call(t, client, list, 100)
	eventually(t, "100 requests are reported", func() bool { return count(t, control.reg, "fairway_xds_requests_total", "ok") == 100 })
	eventually(t, "what the endpoint said is reported", func() bool {
		return value(t, control, "fairway_xds_load_sum", "queue") == 300 && value(t, control, "fairway_xds_load_count", "queue") == 100 &&
			value(t, control, "fairway_xds_load_sum", "cpu_utilization") == 25
	})

	held := make(chan struct{})
	list[0].busy.Store(&held)
	var waiting sync.WaitGroup
	for range 3 {
		waiting.Go(func() {
			if _, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "three are in flight", func() bool { return inFlight(t, control) == 3 })
	close(held)
	list[0].busy.Store(nil)
	waiting.Wait()
	eventually(t, "none is in flight", func() bool { return inFlight(t, control) == 0 })
}

func value(t testing.TB, c *control, name, metric string) float64 {
	return count(t, c.reg, name, metric)
}

// inFlight is what a Watch tells of the first endpoint.
func inFlight(t testing.TB, c *control) float64 {
	t.Helper()
	conn, err := grpc.NewClient(c.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := fairwayv1.NewRouterClient(conn).Watch(ctx, &fairwayv1.WatchRequest{Services: []string{"reviews"}})
	if err != nil {
		t.Fatal(err)
	}
	weights, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range weights.Loads {
		if l.Endpoint == "e1" {
			return l.InFlight
		}
	}
	return -1
}
