package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// figure reads a metric of the daemon's without labels; -1 when it is not there.
func (c *child) figure(t testing.TB, name string) float64 {
	t.Helper()
	_, page := (&program{admin: c.admin}).get(t, "/metrics")
	for line := range strings.Lines(page) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			x, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
	}
	return -1
}

// heap is what the daemon's memory holds after its garbage is collected, in bytes.
func (c *child) heap(t testing.TB) float64 {
	t.Helper()
	if code, _ := (&program{admin: c.admin}).get(t, "/debug/pprof/heap?gc=1"); code != http.StatusOK {
		t.Fatalf("/debug/pprof/heap: %d", code)
	}
	return c.figure(t, "go_memstats_heap_alloc_bytes")
}

// dialed is a connection to the daemon until the test ends.
func dialed(t testing.TB, address string, options ...grpc.DialOption) (*grpc.ClientConn, fairwayv1.RouterClient) {
	t.Helper()
	conn, err := grpc.NewClient(address, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, fairwayv1.NewRouterClient(conn)
}

// TestTenThousandStreams: 9,000 watches of which a third is never read, and 1,000
// Routes, over 20 connections; the others go on being answered, the memory that a
// stream takes is bounded and given back, and all of them end with the daemon.
func TestTenThousandStreams(t *testing.T) {
	const connections = 20
	streams := 10_000
	if raced {
		streams = 1000
	}
	m := newLab(t)
	// An edition every 2 s is 3,500 messages a second; a model's makes no other.
	slow := write(t, "slow.yaml", strings.Replace(brisk, "step: 500ms", "step: 2s", 1))
	p := startChild(t, "127.0.0.1:0", "127.0.0.1:0", "--prometheus", m.url, "--schema", slow, "--rules", m.rules, "--state", t.TempDir())
	a := newAsker(t, p.api, m)
	eventually(t, "the rules answer", func() bool { return a.meter.source("RULES no_model") > 0 })
	heap, goroutines := p.heap(t), p.figure(t, "go_goroutines")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients []fairwayv1.RouterClient
	for range connections {
		_, c := dialed(t, p.api)
		clients = append(clients, c)
	}
	var reading sync.WaitGroup
	var opened, messages, ended atomic.Int64
	places := make(chan struct{}, 64) // opened at once
	ending := make(chan struct{})     // when the daemon has ended
	over := sync.OnceFunc(func() { close(ending) })
	defer over()
	open := func(i int) {
		defer reading.Done()
		c := clients[i%connections]
		if i%10 == 0 {
			stream, err := c.Route(ctx)
			if err == nil {
				if err = stream.Send(&fairwayv1.DecideRequest{Service: "shop"}); err == nil {
					_, err = stream.Recv()
				}
			}
			<-places
			if err != nil {
				t.Errorf("Route %d: %v", i, err)
				return
			}
			opened.Add(1)
			_, _ = stream.Recv() // an error: the daemon has ended
			ended.Add(1)
			return
		}
		stream, err := c.Watch(ctx, &fairwayv1.WatchRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		<-places
		if err != nil {
			t.Errorf("Watch %d: %v", i, err)
			return
		}
		opened.Add(1)
		if i%3 == 0 { // it is never read again
			<-ending
		}
		for {
			if _, err := stream.Recv(); err != nil {
				ended.Add(1)
				return
			}
			messages.Add(1)
		}
	}
	for i := range streams {
		places <- struct{}{}
		reading.Add(1)
		go open(i)
	}
	eventually(t, "all streams are open", func() bool { return opened.Load() == int64(streams) || t.Failed() })
	before := messages.Load()
	eventually(t, "every watch that is read is told of two editions", func() bool { return messages.Load() > before+int64(2*streams*6/10) || t.Failed() })
	full, many := p.heap(t), p.figure(t, "go_goroutines")
	before = messages.Load()
	eventually(t, "and of three more", func() bool { return messages.Load() > before+int64(3*streams*6/10) || t.Failed() })
	later := p.heap(t)
	for range 4 { // an edition that is on its way to all is no growth: what grows does so at every look
		later = min(later, p.heap(t))
	}
	per := (later - heap) / float64(streams)
	t.Logf("heap %.1f MB, with %d streams %.1f and later %.1f MB, %.0f bytes a stream; goroutines %.0f and %.0f", heap/1e6, streams, full/1e6, later/1e6, per, goroutines, many)
	if per > 64<<10 || later > 1.3*full {
		t.Errorf("%.0f bytes a stream, and from %.1f to %.1f MB: it grows", per, full/1e6, later/1e6)
	}
	_, other := dialed(t, p.api)
	for range 20 {
		if d, err := other.Decide(t.Context(), &fairwayv1.DecideRequest{Service: "shop"}); err != nil || d.Endpoint.Name == "" {
			t.Errorf("another caller got %v, %v", d, err)
		}
	}

	a.stop()
	if err := p.end(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	over()
	reading.Wait()
	if n := ended.Load(); n != int64(streams) {
		t.Errorf("%d of %d streams ended with the daemon", n, streams)
	}
}

// TestStreamsAreGivenBack: what streams took is free when their clients are gone.
func TestStreamsAreGivenBack(t *testing.T) {
	m := write(t, "rules.yaml", tinyRules)
	p := startChild(t, "127.0.0.1:0", "127.0.0.1:0", "--rules", m)
	goroutines, files := p.figure(t, "go_goroutines"), p.figure(t, "process_open_fds")
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		conn, c := dialed(t, p.api)
		for i := range 500 {
			w, err := c.Watch(ctx, &fairwayv1.WatchRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Recv(); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				if _, err := c.Route(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
		cancel()
		conn.Close()
	}
	eventually(t, "goroutines and files as before", func() bool {
		return p.figure(t, "go_goroutines") <= goroutines+5 && p.figure(t, "process_open_fds") <= files+2
	})
}

// TestHalfOpenCallers: callers that vanish without a word are dropped by the
// daemon's keepalive, whose times the access file says.
func TestHalfOpenCallers(t *testing.T) {
	t.Parallel()
	access := write(t, "access.yaml", "limits: {ping: 1s, ping_timeout: 1s}\n")
	p := startChild(t, "127.0.0.1:0", "127.0.0.1:0", "--rules", write(t, "rules.yaml", tinyRules), "--access", access)
	w := newWire(t, p.api)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 5 {
		_, c := dialed(t, w.address())
		for range 10 {
			s, err := c.Watch(ctx, &fairwayv1.WatchRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Recv(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if held := p.figure(t, "fairway_connections"); held < 5 {
		t.Fatalf("%v connections are counted; want five", held)
	}
	w.set(swallows)
	began := time.Now()
	eventually(t, "the daemon has let five connections go", func() bool { return p.figure(t, "fairway_connections") == 0 })
	t.Logf("50 streams of callers that vanished were gone after %v; a ping after 1 s, to be answered within 1 s", time.Since(began).Round(100*time.Millisecond))
}

// TestCutFromCallers: the way between callers and the daemon is cut, swallows, and
// is mended. Those who ask go on with the last weights, with equal ones when they
// have expired, and come back by themselves.
func TestCutFromCallers(t *testing.T) {
	t.Parallel()
	m := newLab(t)
	for _, test := range []struct {
		name string
		how  state
	}{{"cut", cut}, {"half-open", swallows}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := startBrisk(t, m.url, m)
			w := newWire(t, p.api)
			a := newAsker(t, w.address(), m)
			eventually(t, "the daemon answers with the model", func() bool { return a.meter.source("MODEL") > 0 })
			w.set(test.how)
			eventually(t, "the weights have expired", func() bool { return a.meter.count(a.meter.picks, client.Equal) > 0 })
			w.set(passes)
			daemon := a.meter.count(a.meter.decides, client.Daemon)
			eventually(t, "the daemon answers again", func() bool { return a.meter.count(a.meter.decides, client.Daemon) > daemon+100 })
			weights := a.meter.count(a.meter.picks, client.Weights)
			eventually(t, "picks are by its weights again", func() bool { return a.meter.count(a.meter.picks, client.Weights) > weights+100 })
			a.stop()
		})
	}
}
