package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// stopwatch is a clock that goes only when it is told to.
type stopwatch struct{ now time.Time }

func (s *stopwatch) clock() time.Time     { return s.now }
func (s *stopwatch) pass(d time.Duration) { s.now = s.now.Add(d) }

var decideInfo = &grpc.UnaryServerInfo{FullMethod: "/fairway.v1.Router/Decide"}

// histogram gathers one of the histograms, by operation.
func histogram(t *testing.T, reg *prometheus.Registry, name, operation string) *dto.Histogram {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == name && m.Label[0].GetValue() == operation {
				return m.Histogram
			}
		}
	}
	t.Fatalf("no %s of %s", name, operation)
	return nil
}

// TestFromTheHeaders: a call's time begins when its headers came, not when its
// goroutine ran; a native histogram keeps it within a tenth.
func TestFromTheHeaders(t *testing.T) {
	watch, reg := &stopwatch{now: time.Unix(0, 0)}, prometheus.NewRegistry()
	m := NewMetrics(reg, watch.clock)
	ctx, err := m.Arrive(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	watch.pass(30 * time.Millisecond) // in a queue
	_, err = m.Unary(ctx, nil, decideInfo, func(context.Context, any) (any, error) {
		watch.pass(10 * time.Millisecond)
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h := histogram(t, reg, "fairway_request_duration_seconds", "Decide")
	if h.GetSampleCount() != 1 || math.Abs(h.GetSampleSum()-0.040) > 1e-9 {
		t.Errorf("%d calls took %v s; want one of 0.04", h.GetSampleCount(), h.GetSampleSum())
	}
	if len(h.Bucket) != 16 || h.GetSchema() != 3 || len(h.PositiveSpan) != 1 {
		t.Fatalf("want classic and native buckets: %v", h)
	}
	upper := math.Exp2(float64(h.PositiveSpan[0].GetOffset()) / 8)
	if upper < 0.040 || upper > 0.044 {
		t.Errorf("40 ms are in the bucket up to %v s", upper)
	}
}

// TestEveryCode: each status has its series, a number that gRPC does not know
// is Unknown, and a call that panics is not in flight for ever.
func TestEveryCode(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg, time.Now)
	for _, err := range []error{nil, context.Canceled, errors.New("x"), status.Error(codes.Unauthenticated, ""), status.Error(99, ""), fmt.Errorf("%w", context.DeadlineExceeded)} {
		m.Unary(t.Context(), nil, decideInfo, func(context.Context, any) (any, error) { return nil, err })
	}
	func() {
		defer func() { recover() }()
		m.Unary(t.Context(), nil, decideInfo, func(context.Context, any) (any, error) {
			if n := m.operations[decideInfo.FullMethod].inFlight.Load(); n != 1 {
				t.Errorf("%d calls in flight", n)
			}
			panic("x")
		})
	}()
	want := map[string]float64{"OK": 1, "Canceled": 1, "Unknown": 2, "Unauthenticated": 1, "DeadlineExceeded": 1}
	for code, n := range want {
		if got := testutil.ToFloat64(m.operations[decideInfo.FullMethod].calls.ended.WithLabelValues("Decide", code)); got != n {
			t.Errorf("%s: %v; want %v", code, got, n)
		}
	}
	if n := m.operations[decideInfo.FullMethod].inFlight.Load(); n != 0 {
		t.Errorf("%d calls in flight after all ended", n)
	}
}

// pairs is a stream that brings n messages.
type pairs struct {
	grpc.ServerStream
	n     int
	watch *stopwatch
}

func (p *pairs) Context() context.Context     { return context.Background() }
func (p *pairs) SendHeader(metadata.MD) error { return nil }
func (p *pairs) SendMsg(any) error            { p.watch.pass(time.Hour); return nil } // a slow client
func (p *pairs) RecvMsg(any) error {
	p.watch.pass(time.Hour) // a silent client
	if p.n--; p.n < 0 {
		return errors.New("gone")
	}
	return nil
}

// TestMessages: each message of Route is timed by itself, without what the
// client takes; the health service's Watch is not ours.
func TestMessages(t *testing.T) {
	watch, reg := &stopwatch{now: time.Unix(0, 0)}, prometheus.NewRegistry()
	m := NewMetrics(reg, watch.clock)
	talk := func(_ any, s grpc.ServerStream) error {
		for {
			if err := s.RecvMsg(nil); err != nil {
				return status.Error(codes.Canceled, err.Error())
			}
			watch.pass(2 * time.Millisecond)
			if err := s.SendMsg(nil); err != nil {
				return err
			}
		}
	}
	for _, method := range []string{"/fairway.v1.Router/Route", "/grpc.health.v1.Health/Watch"} {
		m.Stream(nil, &pairs{n: 3, watch: watch}, &grpc.StreamServerInfo{FullMethod: method}, talk)
	}
	if h := histogram(t, reg, "fairway_stream_message_duration_seconds", "Route"); h.GetSampleCount() != 3 || math.Abs(h.GetSampleSum()-0.006) > 1e-9 {
		t.Errorf("%d messages took %v s; want 3 in 0.006", h.GetSampleCount(), h.GetSampleSum())
	}
	want := strings.NewReader(`
# HELP fairway_stream_messages_received_total Messages that streams of the API brought.
# TYPE fairway_stream_messages_received_total counter
fairway_stream_messages_received_total{operation="Report"} 0
fairway_stream_messages_received_total{operation="Route"} 3
fairway_stream_messages_received_total{operation="Watch"} 0
`)
	if err := testutil.GatherAndCompare(reg, want, "fairway_stream_messages_received_total"); err != nil {
		t.Error(err)
	}
	for operation, n := range map[string]float64{"Route": 1, "other": 1, "Watch": 0} {
		if got := testutil.ToFloat64(m.other.calls.ended.WithLabelValues(operation, "Canceled")); got != n {
			t.Errorf("%s: %v streams canceled; want %v", operation, got, n)
		}
	}
}

// TestStrangersAreNoLabels: a thousand services that a client makes up are one
// series.
func TestStrangersAreNoLabels(t *testing.T) {
	s := ruled(t)
	look := s.table.Look()
	for i := range 1000 {
		s.decide(look, &mesh.Request{Service: fmt.Sprint("made-up-", i)}, false)
	}
	s.decide(look, &mesh.Request{Service: "s"}, false)
	if known := *s.metrics.decisions.known.Load(); len(known) != 2 {
		t.Errorf("%d series: %v", len(known), known)
	}
}

// TestCallsCostNoMemory: neither the interceptor nor the cells allocate.
func TestCallsCostNoMemory(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg, time.Now)
	log, err := NewAccessLog(reg, time.Now, DefaultLogConfig())
	if err != nil {
		t.Fatal(err)
	}
	m.Log = log
	// In nothing but a year would such a call take 100 ms: a stopped machine must not fail the test.
	m.Log.cfg.Slow = 1 << 55
	ctx, next := context.Background(), func(context.Context, any) (any, error) { return nil, nil }
	stream := &counted{ServerStream: still{}, operation: m.operations["/fairway.v1.Router/Route"], clock: time.Now, begun: time.Now()}
	buckets(m, stream)
	for name, call := range map[string]func(){
		"unary": func() { m.Unary(ctx, nil, decideInfo, next) },
		"message": func() {
			stream.RecvMsg(nil)
			stream.SendMsg(nil)
		},
		"decision": func() { m.decisions.at(verdict{"s", router.SourceModel, router.Stale}).Inc() },
		"outcome":  func() { m.outcomes.at(outcome{"s", "ok"}).Inc() },
	} {
		if n := testing.AllocsPerRun(1000, call); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// buckets fills the native histograms' buckets for all latencies that a test
// can meet, of which each is made once.
func buckets(m *Metrics, stream *counted) {
	for d := 100 * time.Nanosecond; d < time.Minute; d += d / 20 {
		m.operations[decideInfo.FullMethod].took.Observe(d.Seconds())
		stream.operation.answered.Observe(d.Seconds())
	}
}

type still struct{ grpc.ServerStream }

func (still) RecvMsg(any) error { return nil }
func (still) SendMsg(any) error { return nil }

// BenchmarkUnary is what the interceptor adds to a call, access log and all;
// "arrived" is with the tap, which saves one look at the clock here.
func BenchmarkUnary(b *testing.B) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg, time.Now)
	log, err := NewAccessLog(reg, time.Now, DefaultLogConfig())
	if err != nil {
		b.Fatal(err)
	}
	m.Log = log
	next := func(context.Context, any) (any, error) { return nil, nil }
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Unary(context.Background(), nil, decideInfo, next)
		}
	})
	b.Run("arrived", func(b *testing.B) {
		ctx, _ := m.Arrive(context.Background(), nil)
		ctx = metadata.NewIncomingContext(ctx, nil)
		m.Log.cfg.Slow = time.Hour // the context gets older and older
		b.ReportAllocs()
		for b.Loop() {
			m.Unary(ctx, nil, decideInfo, next)
		}
	})
	b.Run("tap", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Arrive(context.Background(), nil)
		}
	})
	b.Run("message", func(b *testing.B) {
		stream := &counted{ServerStream: still{}, operation: m.operations["/fairway.v1.Router/Route"], clock: time.Now, begun: time.Now()}
		b.ReportAllocs()
		for b.Loop() {
			stream.RecvMsg(nil)
			stream.SendMsg(nil)
		}
	})
	b.Run("decision", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.decisions.at(verdict{"shop", router.SourceModel, router.Stale}).Inc()
		}
	})
}

// BenchmarkMetered is a call over loopback TCP: bare, and with tap, metrics and
// access log.
func BenchmarkMetered(b *testing.B) {
	for _, metered := range []bool{false, true} {
		b.Run(fmt.Sprint(metered), func(b *testing.B) {
			s := ruled(b)
			var options []grpc.ServerOption
			if metered {
				log, err := NewAccessLog(prometheus.NewRegistry(), time.Now, DefaultLogConfig())
				if err != nil {
					b.Fatal(err)
				}
				s.metrics.Log = log
				options = append(options, grpc.InTapHandle(s.metrics.Arrive), grpc.UnaryInterceptor(s.metrics.Unary))
			}
			g := grpc.NewServer(options...)
			s.Register(g)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- g.Serve(l) }()
			conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				b.Fatal(err)
			}
			client, in := fairwayv1.NewRouterClient(conn), &fairwayv1.DecideRequest{Service: "s"}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Decide(context.Background(), in); err != nil {
					b.Fatal(err)
				}
			}
			conn.Close()
			g.Stop()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}
