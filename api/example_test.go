package api_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// A table is served, and asked where jason's request should go.
func Example() {
	file, err := rules.Parse("reviews.yaml", []byte(`
services:
  - name: reviews
    endpoints: [{name: r1, subset: v1}, {name: r2, subset: v2, address: "127.0.0.1:9002"}]
    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v2, timeout: 1s}
      - {name: rest, to: v1}
`))
	if err != nil {
		panic(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		panic(err)
	}
	metrics := api.NewMetrics(prometheus.NewRegistry(), time.Now)
	server, err := api.New(router.NewTable(set, router.DefaultConfig()), metrics, api.DefaultConfig())
	if err != nil {
		panic(err)
	}
	g := grpc.NewServer(grpc.UnaryInterceptor(metrics.Unary))
	server.Register(g)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	done := make(chan error)
	go func() { done <- g.Serve(l) }()

	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	d, err := fairwayv1.NewRouterClient(conn).Decide(context.Background(), &fairwayv1.DecideRequest{
		Service: "reviews", Headers: map[string]string{"end-user": "jason"},
	})
	fmt.Println(d.GetRoute(), d.GetEndpoint().GetName(), d.GetEndpoint().GetAddress(), d.GetTimeout().AsDuration(), err)

	conn.Close()
	server.Close()
	g.GracefulStop()
	fmt.Println(<-done)
	// Output:
	// jason r2 127.0.0.1:9002 1s <nil>
	// <nil>
}
