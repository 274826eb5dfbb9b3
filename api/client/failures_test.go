package client_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// callers pick and decide without a pause until end, which counts what they
// got, and fails the test for every answer without an endpoint.
func callers(t *testing.T, c *client.Client) (end func() map[client.From]int) {
	var empty, asked atomic.Int64
	counts := [5]atomic.Int64{}
	stop := make(chan struct{})
	var all sync.WaitGroup
	loop := func(ask func() (client.From, bool)) {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				from, answered := ask()
				asked.Add(1)
				counts[from].Add(1)
				if !answered {
					empty.Add(1)
				}
				time.Sleep(100 * time.Microsecond) // leave the machine to the others
			}
		})
	}
	loop(func() (client.From, bool) {
		ch := c.Pick("shop", nil)
		return ch.From, ch.Endpoint.GetName() != ""
	})
	loop(func() (client.From, bool) {
		a := c.Decide(t.Context(), &fairwayv1.DecideRequest{Service: "shop"})
		return a.From, a.GetEndpoint().GetName() != ""
	})
	return func() map[client.From]int {
		t.Helper()
		close(stop)
		all.Wait()
		n := map[client.From]int{}
		for f := range counts {
			if x := counts[f].Load(); x > 0 {
				n[client.From(f)] = int(x)
			}
		}
		t.Logf("%d answers, %d without an endpoint: %v", asked.Load(), empty.Load(), n)
		if empty.Load() > 0 {
			t.Errorf("%d of %d callers went without an answer", empty.Load(), asked.Load())
		}
		return n
	}
}

var static = map[string][]mesh.Endpoint{"shop": {{Name: "a", Address: "127.0.0.1:1"}}}

// TestNeverSilent: no daemon, one, none, another one, and an endpoint set that
// drops to zero; callers are answered all the while.
func TestNeverSilent(t *testing.T) {
	address := porttest.Address(t)
	cfg := settings(address)
	cfg.Static = static
	c := dial(t, cfg)
	end := callers(t, c)
	until(t, c, "static", from(client.Static))
	_, stop := serve(t, newTable(t, soon), address)
	until(t, c, "fresh", from(client.Weights))
	stop()
	until(t, c, "expired", from(client.Equal))
	table := newTable(t, soon)
	_, stop = serve(t, table, address)
	defer stop()
	until(t, c, "fresh again", from(client.Weights))
	if n := end(); n[client.Static] == 0 || n[client.Weights] == 0 || n[client.Equal] == 0 {
		t.Errorf("answers were from %v; want some of each", n)
	}
}

// TestOverload: a daemon that is overloaded is left alone for as long as it
// says, and asked again after.
func TestOverload(t *testing.T) {
	var overloaded atomic.Bool
	var refused, served atomic.Int64
	overloaded.Store(true)
	busy := func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if overloaded.Load() {
			refused.Add(1)
			st, err := status.New(codes.ResourceExhausted, "overloaded").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(300 * time.Millisecond)})
			if err != nil {
				return nil, err
			}
			return nil, st.Err()
		}
		served.Add(1)
		return next(ctx, in)
	}
	address, stop := serve(t, newTable(t), "127.0.0.1:0", grpc.UnaryInterceptor(busy))
	defer stop()
	cfg := settings(address)
	cfg.Deadline = 5 * time.Second // never the reason here
	c := dial(t, cfg)
	until(t, c, "fresh", from(client.Weights))
	begin := time.Now() // before the first that is refused
	a := c.Decide(t.Context(), &fairwayv1.DecideRequest{Service: "shop"})
	if a.From != client.Weights || a.GetEndpoint().GetName() == "" || status.Code(a.Err) != codes.ResourceExhausted {
		t.Fatalf("an overloaded daemon, and the answer is %v from %s, %v", a.Decision, a.From, a.Err)
	}
	for range 1000 {
		if a := c.Decide(t.Context(), &fairwayv1.DecideRequest{Service: "shop"}); a.GetEndpoint().GetName() == "" {
			t.Fatalf("no answer: %+v", a)
		}
	}
	if took := time.Since(begin); refused.Load() > 1+int64(took/(300*time.Millisecond)) {
		t.Errorf("%d calls reached a daemon that asked to be left alone for 300 ms, in %v", refused.Load(), took)
	}
	overloaded.Store(false)
	poll(t, func() bool {
		return c.Decide(t.Context(), &fairwayv1.DecideRequest{Service: "shop"}).From == client.Daemon
	}, func() string { return "the daemon is not asked again" })
}

// swallower passes bytes on between a client and a daemon, or takes them and
// says nothing, as a connection does whose other end is gone without a word.
type swallower struct {
	net.Listener
	target    string
	swallowed atomic.Bool
	passing   sync.WaitGroup
}

func newSwallower(t *testing.T, target string) *swallower {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &swallower{Listener: l, target: target}
	s.passing.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.passing.Go(func() { s.pass(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); s.passing.Wait() })
	return s
}

func (s *swallower) pass(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", s.target)
	if err != nil {
		return
	}
	defer to.Close()
	var back sync.WaitGroup
	back.Go(func() { defer from.Close(); s.copy(from, to) })
	s.copy(to, from)
	to.Close()
	back.Wait()
}

func (s *swallower) copy(to io.Writer, from io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if s.swallowed.Load() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestHalfOpen: a daemon whose connection falls silent is given up for the
// next, before its weights expire.
func TestHalfOpen(t *testing.T) {
	first, second := newTable(t, soon), newTable(t, soon)
	address, stop := serve(t, first, "127.0.0.1:0")
	defer stop()
	other, stopOther := serve(t, second, "127.0.0.1:0")
	defer stopOther()
	between := newSwallower(t, address)
	c := dial(t, settings(between.Addr().String(), other))
	publish(first, 0.7, 0.2, 0.1)
	until(t, c, "the first daemon's", newest(first))
	end := callers(t, c)
	poll(t, func() bool {
		return c.Decide(t.Context(), &fairwayv1.DecideRequest{Service: "shop"}).From == client.Daemon
	}, func() string { return "the daemon does not answer" })
	between.swallowed.Store(true)
	publish(second, 0.1, 0.8, 0.1)
	publish(second, 0.1, 0.8, 0.1)
	until(t, c, "the second daemon's", newest(second))
	poll(t, func() bool {
		return c.Decide(t.Context(), &fairwayv1.DecideRequest{Service: "shop"}).From == client.Daemon
	}, func() string { return "the other daemon is not asked" })
	end()
}

// TestCallerEnds: a caller that does not wait is answered at once, and the
// daemon is not blamed.
func TestCallerEnds(t *testing.T) {
	address, stop := serve(t, newTable(t), "127.0.0.1:0")
	defer stop()
	cfg := settings(address)
	cfg.Deadline, cfg.Retry, cfg.MaxRetry = 5*time.Second, time.Hour, time.Hour
	c := dial(t, cfg)
	until(t, c, "fresh", from(client.Weights))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := c.Decide(ctx, &fairwayv1.DecideRequest{Service: "shop"}); a.From != client.Weights || a.GetEndpoint().GetName() == "" {
		t.Errorf("a caller that has gone: %+v", a)
	}
	if a := c.Decide(t.Context(), &fairwayv1.DecideRequest{}); status.Code(a.Err) != codes.InvalidArgument || a.Decision == nil {
		t.Errorf("a request without a service: %+v", a)
	}
	if a := c.Decide(t.Context(), &fairwayv1.DecideRequest{Service: "shop"}); a.From != client.Daemon {
		t.Errorf("the daemon was blamed: %+v", a)
	}
}
