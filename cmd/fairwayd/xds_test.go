package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/xds"
)

// TestXDS: a stock gRPC client asks the daemon with nothing set where to go; the
// daemon stops while it listens, and its calls go on.
func TestXDS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	endpoint := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		calls.Add(1)
		return next(ctx, in)
	}))
	grpc_health_v1.RegisterHealthServer(endpoint, health.NewServer())
	var running sync.WaitGroup
	running.Go(func() { _ = endpoint.Serve(l) })
	defer func() { endpoint.Stop(); running.Wait() }()

	p := start(t, "--rules", write(t, "r.yaml", fmt.Sprintf("services: [{name: shop, endpoints: [{name: a, address: %q}]}]", l.Addr())))
	resolver, err := xds.NewXDSResolverWithConfigForTesting(fmt.Appendf(nil,
		`{"xds_servers": [{"server_uri": %q, "channel_creds": [{"type": "insecure"}]}], "node": {"id": "test"}}`, "passthrough:///"+p.api))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("xds:///shop", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithResolvers(resolver))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	check := func() {
		t.Helper()
		if _, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
			t.Fatal(err)
		}
	}
	check()
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	check()
	if calls.Load() != 2 {
		t.Errorf("%d calls arrived", calls.Load())
	}
}
