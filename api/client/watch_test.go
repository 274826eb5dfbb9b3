package client_test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// counted counts the messages with a service that a server's watches send, and
// the watches that resume.
type counted struct {
	sent, resumed, streams atomic.Int64
	beat, version          atomic.Uint64 // of the last heartbeat, and what was resumed last
}

func (n *counted) intercept(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	n.streams.Add(1)
	return next(srv, countedStream{stream, n})
}

type countedStream struct {
	grpc.ServerStream
	n *counted
}

func (s countedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if w, is := m.(*fairwayv1.WatchRequest); is && w.ResumeVersion > 0 {
		s.n.version.Store(w.ResumeVersion)
		s.n.resumed.Add(1)
	}
	return err
}

func (s countedStream) SendMsg(m any) error {
	err := s.ServerStream.SendMsg(m)
	if w, is := m.(*fairwayv1.ServiceWeights); is && w.Service != "" {
		s.n.sent.Add(1)
	} else if is {
		s.n.beat.Store(w.TableVersion)
	}
	return err
}

// TestResume: after a break of the connection the same daemon sends only what
// has changed, and heartbeats keep what it does not send again.
func TestResume(t *testing.T) {
	var n counted
	table := newTable(t, soon)
	address, stop := serve(t, table, "127.0.0.1:0", grpc.StreamInterceptor(n.intercept))
	defer stop()
	between := newBreaker(t, address)
	c := dial(t, settings(between.Addr().String()))
	until(t, c, "fresh", from(client.Weights))
	publish(table, 0.7, 0.2, 0.1)
	until(t, c, "the newest", newest(table))
	poll(t, func() bool { return n.beat.Load() == table.Version() }, func() string { return "no heartbeat of the newest version" })
	sent := n.sent.Load()
	for n.version.Load() < table.Version() { // the heartbeat may be cut off with the connection
		resumed := n.resumed.Load()
		sent = n.sent.Load()
		between.cut()
		poll(t, func() bool { return n.resumed.Load() > resumed }, func() string { return "the watch does not resume" })
	}
	expired := time.Now().Add(3 * 200 * time.Millisecond) // for good, without heartbeats; late ones renew them
	until(t, c, "held by heartbeats", func(ch client.Choice) bool { return ch.From == client.Weights && time.Now().After(expired) })
	if now := n.sent.Load(); now != sent {
		t.Errorf("%d services were sent again; none had changed", now-sent)
	}
	publish(table, 0.1, 0.8, 0.1)
	until(t, c, "the newest", newest(table))
}

// TestAnotherDaemon: behind the same address there is another daemon, whose
// versions overlap; nothing of it is missed.
func TestAnotherDaemon(t *testing.T) {
	first, second := newTable(t, soon), newTable(t, soon)
	for range 50 {
		publish(first, 0.7, 0.2, 0.1)
	}
	address, stop := serve(t, first, "127.0.0.1:0")
	defer stop()
	other, stopOther := serve(t, second, "127.0.0.1:0")
	defer stopOther()
	between := newBreaker(t, address)
	c := dial(t, settings(between.Addr().String()))
	until(t, c, "the first daemon's", newest(first))
	between.target.Store(&other)
	between.cut()
	until(t, c, "the other daemon's", newest(second))
}

// breaker passes connections on to a target, and cuts them when told.
type breaker struct {
	net.Listener
	target atomic.Pointer[string]
	*swallower
	open chan net.Conn
}

func newBreaker(t *testing.T, target string) *breaker {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &breaker{Listener: l, swallower: &swallower{}, open: make(chan net.Conn, 100)}
	b.target.Store(&target)
	b.passing.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			one := &swallower{target: *b.target.Load()}
			b.open <- conn
			b.passing.Go(func() { one.pass(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); b.cut(); b.passing.Wait() })
	return b
}

func (b *breaker) Addr() net.Addr { return b.Listener.Addr() }

func (b *breaker) cut() {
	for {
		select {
		case conn := <-b.open:
			conn.Close()
		default:
			return
		}
	}
}

// TestManyServices: services that come one by one are all found.
func TestManyServices(t *testing.T) {
	text := "services:\n"
	for i := range 300 {
		text += fmt.Sprintf("  - {name: s%d, endpoints: [{name: e%d}]}\n", i, i)
	}
	table := tableOf(t, text)
	address, stop := serve(t, table, "127.0.0.1:0")
	defer stop()
	c, err := client.Dial(settings(address))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Watch(t.Context(), nil, nil) }()
	for i := range 300 {
		poll(t, func() bool {
			return c.Pick(fmt.Sprintf("s%d", i), nil).Endpoint.GetName() == fmt.Sprintf("e%d", i)
		}, func() string { return fmt.Sprintf("service %d is not found", i) })
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("a watch of a closed client ended without a reason")
	}
	if ch := c.Pick("s7", nil); ch.Endpoint.GetName() != "e7" {
		t.Errorf("closed, and the pick is %+v", ch)
	}
}
