package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/xds" // which is all that a client needs

	"github.com/fairway-mesh/fairway/replay/report"
)

// deadline is that of each request.
const deadline = 500 * time.Millisecond

// dial is a client of the service: with a list of addresses and the client's own
// balancing, or by xDS. A program of yours has the bootstrap in the file that
// GRPC_XDS_BOOTSTRAP names, and nothing of this.
func dial(by string, all fleet, control string) (*grpc.ClientConn, error) {
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	if by == "xds" {
		r, err := xds.NewXDSResolverWithConfigForTesting(fmt.Appendf(nil,
			`{"xds_servers": [{"server_uri": %q, "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3", "ignore_resource_deletion"]}], "node": {"id": "example"}}`, control))
		if err != nil {
			return nil, err
		}
		return grpc.NewClient("xds:///reviews", plain, grpc.WithResolvers(r))
	}
	list := manual.NewBuilderWithScheme("static")
	var state resolver.State
	for _, e := range all {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: e.address}}})
	}
	list.InitialState(state)
	return grpc.NewClient("static:///reviews", plain, grpc.WithResolvers(list), grpc.WithDefaultServiceConfig(fmt.Sprintf(`{"loadBalancingConfig": [{%q: {}}]}`, by)))
}

// under runs the load by one way to balance, for a third of the time without looking,
// and then three thirds of which it prints a line each; the fault is in the middle one.
func (s *show) under(ctx context.Context, out io.Writer, by string, all fleet, conn *grpc.ClientConn) error {
	random := rand.New(rand.NewPCG(s.seed, 0))
	client := grpc_health_v1.NewHealthClient(conn)
	if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
		return err
	}
	run := report.Run{Name: by}
	for i, third := range []string{"", "before", "during", "after"} {
		all[0].slow.Store(i == 2)
		result := taken{start: time.Now(), served: all.look()}
		var open sync.WaitGroup
		end := result.start.Add(s.duration / 3)
		for at := result.start; at.Before(end); at = at.Add(time.Duration(random.ExpFloat64() / s.rate * float64(time.Second))) {
			select {
			case <-ctx.Done():
				open.Wait()
				return ctx.Err()
			case <-time.After(time.Until(at)):
			}
			due := at // a late start is not forgiven
			result.second(due, all)
			open.Go(func() { result.ask(ctx, client, due) })
		}
		open.Wait()
		if i > 0 {
			result.second(end, all)
			p := result.phase(third, all.look().share(result.served))
			fmt.Fprintf(out, "%-12s  %-6s %8.1f %8.1f %7.2f%% %6.1f%%\n", by, third, 1e3*p.P50, 1e3*p.P99, 100*float64(p.Failed)/float64(max(1, p.Requests)), 100*p.Share)
			result.add(&run, p)
		}
	}
	all[0].slow.Store(false)
	s.runs = append(s.runs, run)
	return nil
}
