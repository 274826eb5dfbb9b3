package identity_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/fairway-mesh/fairway/api/identity"
)

type healthClient = grpc_health_v1.HealthClient

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// checkAnew calls once over a connection of its own, which it closes: a thousand that
// stay open take a gigabyte.
func checkAnew(t testing.TB, address string, creds credentials.TransportCredentials) error {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
	if err != nil {
		return err
	}
	defer conn.Close()
	return check(t, grpc_health_v1.NewHealthClient(conn))
}

// TestRotationUnderLoad: four connections call all the time, and one that is
// new for each call, while sixty days of certificates and three roots pass, in
// steps that a handshake outlasts. No call fails.
func TestRotationUnderLoad(t *testing.T) {
	c := newClock()
	cfg := c.config()
	cfg.State, cfg.Poll, cfg.AuthorityLife = t.TempDir(), time.Millisecond, 20*24*time.Hour
	daemon := open(t, cfg)
	cfg.Path = "/proxy"
	proxy := open(t, cfg)
	address, _ := serve(t, identity.ServerCredentials(daemon))

	ctx, stop := context.WithCancel(t.Context())
	var running, calling sync.WaitGroup
	for _, s := range []*identity.Source{daemon, proxy} {
		running.Go(func() { s.Run(ctx) })
	}
	defer running.Wait()
	defer stop()
	var calls, connections atomic.Int64
	for i := range 5 {
		client := dial(t, address, identity.ClientCredentials(proxy, ""))
		calling.Go(func() {
			for ctx.Err() == nil {
				err := error(nil)
				if i == 4 {
					err = checkAnew(t, address, identity.ClientCredentials(proxy, ""))
					connections.Add(1)
				} else {
					err = check(t, client)
					time.Sleep(time.Millisecond) // the new connections have to get on as well
				}
				if err != nil && ctx.Err() == nil {
					t.Errorf("at %v: %v", c.now(), err)
					return
				}
				calls.Add(1)
			}
		})
	}
	for range 60 * 24 / 3 {
		c.add(3 * time.Hour)
		before := connections.Load()
		eventually(t, "a connection was made since", func() bool { return connections.Load() > before+1 || t.Failed() })
	}
	stop()
	calling.Wait()
	t.Logf("%d calls, %d connections, %d renewals, roots %v", calls.Load(), connections.Load(), daemon.Renewals(), len(daemon.Held().Roots))
	if daemon.Renewals() < 60 || calls.Load() < 1000 {
		t.Errorf("%d calls during %d renewals: nothing was tried", calls.Load(), daemon.Renewals())
	}
}
