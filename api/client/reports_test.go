package client_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
)

// listener is a daemon that only takes reports.
type listener struct {
	fairwayv1.UnimplementedRouterServer
	mu      sync.Mutex
	got     []*fairwayv1.OutcomeReport
	streams int
	after   int // ends a stream after so many, where above 0
}

func (l *listener) Report(stream grpc.ClientStreamingServer[fairwayv1.OutcomeReport, fairwayv1.ReportSummary]) error {
	l.mu.Lock()
	l.streams++
	l.mu.Unlock()
	for n := 1; ; n++ {
		r, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&fairwayv1.ReportSummary{})
		}
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.got = append(l.got, r)
		l.mu.Unlock()
		if n == l.after {
			return errEnough
		}
	}
}

var errEnough = io.ErrUnexpectedEOF

func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.got)
}

func (l *listener) serve(t *testing.T) string {
	t.Helper()
	g := grpc.NewServer()
	fairwayv1.RegisterRouterServer(g, l)
	on, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- g.Serve(on) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return on.Addr().String()
}

// TestReports: outcomes arrive with what is known of the choice, over one
// stream; those in flight are counted at their endpoint.
func TestReports(t *testing.T) {
	l := &listener{}
	cfg := settings(l.serve(t))
	cfg.Static, cfg.Flush, cfg.Deadline = static, time.Millisecond, 5*time.Second
	c, err := client.Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	req := &mesh.Request{Method: "GET", Path: "/x", Class: "browse"}
	ch := c.Pick("shop", req)
	first, second := c.Begin(ch, req), c.Begin(ch, req)
	if n := ch.InFlight(); n != 2 {
		t.Errorf("%d in flight; want 2", n)
	}
	second.Done(200)
	first.Done(0)
	c.Begin(c.Pick("nobody", nil), nil).Done(200) // went nowhere
	if n := ch.InFlight(); n != 0 {
		t.Errorf("%d in flight; want none", n)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if len(l.got) != 2 || l.streams != 1 {
		t.Fatalf("%d reports over %d streams; want 2 over 1", len(l.got), l.streams)
	}
	if r := l.got[0]; r.Service != "shop" || r.Endpoint != "a" || r.InFlight != 1 || r.Status != 200 || r.Propensity != 1 || r.Path != "/x" || r.Method != "GET" || r.Class != "browse" || r.Route != "default" || r.Time == nil {
		t.Errorf("reported %v", r)
	}
	if sent, dropped := c.Reports(); sent != 2 || dropped != 0 || c.Report(&fairwayv1.OutcomeReport{}) {
		t.Errorf("sent %d, dropped %d, or a closed client takes reports", sent, dropped)
	}
}

// TestReportsBreak: a stream that ends is followed by another.
func TestReportsBreak(t *testing.T) {
	l := &listener{after: 3}
	cfg := settings(l.serve(t))
	cfg.Flush = time.Millisecond
	c, err := client.Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	poll(t, func() bool {
		c.Report(&fairwayv1.OutcomeReport{Service: "shop", Endpoint: "a"})
		return l.count() >= 20
	}, func() string { return "reports do not go on after a stream broke" })
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestReportsNeverWait: without a daemon reports are taken up to the bound, and
// then dropped and counted; none waits.
func TestReportsNeverWait(t *testing.T) {
	cfg := settings("127.0.0.1:1")
	cfg.Queue = 100
	c, err := client.Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	const all = 10000
	taken := 0
	for range all {
		if c.Report(&fairwayv1.OutcomeReport{Service: "shop", Endpoint: "a"}) {
			taken++
		}
	}
	if _, dropped := c.Reports(); taken < 100 || dropped != uint64(all-taken) {
		t.Errorf("%d taken, %d dropped of %d", taken, dropped, all)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if sent, dropped := c.Reports(); sent+dropped != all {
		t.Errorf("%d sent and %d dropped of %d: some are not accounted for", sent, dropped, all)
	}
}
