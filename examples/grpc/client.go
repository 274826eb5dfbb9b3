package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/xds" // which is all that a client needs
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

// taken is what became of the requests of one third.
type taken struct {
	mu     sync.Mutex
	times  []time.Duration
	failed int
}

// under runs the load by one way to balance, for the first third as long without
// looking, and prints a line for each third after that.
func (s *show) under(ctx context.Context, out io.Writer, by string, all fleet, conn *grpc.ClientConn) error {
	random := rand.New(rand.NewPCG(s.seed, 0))
	client := grpc_health_v1.NewHealthClient(conn)
	if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
		return err
	}
	for i, third := range []string{"", "well", "fault", "well"} {
		all[0].slow.Store(i == 2)
		var result taken
		before, sum := all[0].served.Load(), all.served()
		var open sync.WaitGroup
		end := time.Now().Add(s.duration / 3)
		for at := time.Now(); at.Before(end); at = at.Add(time.Duration(random.ExpFloat64() / s.rate * float64(time.Second))) {
			select {
			case <-ctx.Done():
				open.Wait()
				return ctx.Err()
			case <-time.After(time.Until(at)):
			}
			due := at // a late start is not forgiven
			open.Go(func() { result.ask(ctx, client, due) })
		}
		open.Wait()
		if i == 0 {
			continue
		}
		share := float64(all[0].served.Load()-before) / float64(max(1, all.served()-sum))
		slices.Sort(result.times)
		n := len(result.times)
		fmt.Fprintf(out, "%-12s  %-6s %8.1f %8.1f %7.2f%% %6.1f%%\n", by, third, result.at(0.5), result.at(0.99), 100*float64(result.failed)/float64(max(1, n)), 100*share)
	}
	all[0].slow.Store(false)
	return nil
}

func (f fleet) served() (n int64) {
	for _, e := range f {
		n += e.served.Load()
	}
	return n
}

func (t *taken) ask(ctx context.Context, client grpc_health_v1.HealthClient, due time.Time) {
	ctx, cancel := context.WithDeadline(ctx, due.Add(deadline))
	defer cancel()
	_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	took := time.Since(due)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.times = append(t.times, took); err != nil {
		t.failed++
	}
}

// at is a quantile in milliseconds; the times are sorted.
func (t *taken) at(q float64) float64 {
	if len(t.times) == 0 {
		return 0
	}
	return float64(t.times[min(int(q*float64(len(t.times))), len(t.times)-1)].Microseconds()) / 1000
}
