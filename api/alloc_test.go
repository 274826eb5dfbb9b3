package api

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

func ruled(t testing.TB) *Server {
	t.Helper()
	file, err := rules.Parse("test.yaml", []byte("services:\n  - {name: s, endpoints: [{name: a}, {name: b}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(router.NewTable(set, router.DefaultConfig()), NewMetrics(prometheus.NewRegistry(), time.Now), DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestNoAllocation: a decision costs no memory, once it was given before.
func TestNoAllocation(t *testing.T) {
	s := large(t)
	in := asked(0).Requests
	in = append(in, &fairwayv1.DecideRequest{Service: "service-001", Path: "/admin/x?b=c", Method: "POST", SessionKey: "k"})
	for range 2000 { // every endpoint
		answerAll(t, s, in)
	}
	if allocs := testing.AllocsPerRun(100, func() { answerAll(t, s, in) }); allocs != 0 {
		t.Errorf("%d decisions allocate %v times", len(in), allocs)
	}
}

func answerAll(t testing.TB, s *Server, in []*fairwayv1.DecideRequest) {
	for _, r := range in {
		req, err := s.cfg.read(r, alone)
		if err != nil {
			t.Fatal(err)
		}
		s.lean("Decide", &req, false)
	}
}

// BenchmarkAnswer is a decision of the server, from one message to the other.
func BenchmarkAnswer(b *testing.B) {
	s := large(b)
	var in []*fairwayv1.DecideRequest
	for k := range 64 {
		in = append(in, asked(k).Requests...)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		answerAll(b, s, in[i%len(in):i%len(in)+1])
	}
}

// BenchmarkDecide is one unary call over loopback TCP.
func BenchmarkDecide(b *testing.B) {
	s := ruled(b)
	g := grpc.NewServer(grpc.UnaryInterceptor(s.metrics.Unary))
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
	client := fairwayv1.NewRouterClient(conn)
	in := &fairwayv1.DecideRequest{Service: "s", Path: "/a", Headers: map[string]string{"end-user": "jason"}}
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
}
