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

// TestNoAllocation: apart from the answer's message, a decision costs no
// memory.
func TestNoAllocation(t *testing.T) {
	s := ruled(t)
	in := &fairwayv1.DecideRequest{Service: "s", Path: "/a?b=c", Headers: map[string]string{"end-user": "jason"}, SessionKey: "k"}
	allocs := testing.AllocsPerRun(1000, func() {
		if err := s.cfg.check(in, alone); err != nil {
			t.Fatal(err)
		}
		req := request(in)
		answer := s.table.Load(in.Service).Decide(&req, s.dice.roll())
		s.metrics.decisions.at(verdict{in.Service, answer.Source, answer.Reason}).Inc()
	})
	if allocs != 0 {
		t.Errorf("a decision allocates %v times", allocs)
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
