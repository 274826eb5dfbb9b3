package health_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/fairway-mesh/fairway/router/health"
)

// until polls a condition.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in 30 s: %s", what)
		}
	}
}

// quick is a target for real endpoints.
func quick(name string, checks ...health.Check) health.Target {
	return health.Target{Endpoint: name, Checks: checks, Interval: 20 * time.Millisecond, Timeout: 5 * time.Second, Least: 0.5, Rise: 2, Fall: 2}
}

// TestRealEndpoints stops a server of each kind and starts it again at the same
// address.
func TestRealEndpoints(t *testing.T) {
	serve := map[string]func(net.Listener) (stop func()){
		"tcp": func(l net.Listener) func() { return func() { l.Close() } },
		"http": func(l net.Listener) func() {
			s := httptest.NewUnstartedServer(http.NotFoundHandler())
			s.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
			s.Listener.Close()
			s.Listener = l
			s.Start()
			return s.Close
		},
		"grpc": func(l net.Listener) func() {
			s := grpc.NewServer()
			grpc_health_v1.RegisterHealthServer(s, grpchealth.NewServer())
			served := make(chan error, 1)
			go func() { served <- s.Serve(l) }()
			return func() { s.Stop(); <-served }
		},
	}
	for kind, begin := range serve {
		t.Run(kind, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := l.Addr().String()
			stop := begin(l)
			defer func() { stop() }()
			asks := map[string]health.Check{"tcp": health.TCP(address), "http": health.HTTP("http://" + address), "grpc": health.GRPC(address, "", nil)}
			r := running(t, 2, quick("a", asks[kind]))
			is := func(s health.State) func() bool { return func() bool { return r.Checked("shop", "a").State == s } }
			until(t, "healthy", is(health.Healthy))
			stop()
			until(t, "unhealthy", is(health.Unhealthy))
			if l, err = net.Listen("tcp", address); err != nil {
				t.Skip("somebody else has taken the port: ", err)
			}
			stop = begin(l)
			until(t, "healthy again", is(health.Healthy))
		})
	}
}

// TestAThousandEndpoints are checked 32 at a time, over TCP, and nothing is left
// of it when it ends.
func TestAThousandEndpoints(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	before := runtime.NumGoroutine()
	var now, most atomic.Int64
	tcp := health.TCP(address)
	var targets []health.Target
	for i := range 1000 {
		c := check(tcp.Name, func(ctx context.Context) error {
			at := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); at > m && !most.CompareAndSwap(m, at); m = most.Load() {
			}
			return tcp.Run(ctx)
		})
		one := quick(fmt.Sprint("e", i), c)
		one.Interval = time.Second
		targets = append(targets, one)
	}
	r := health.NewRunner(32, 1)
	if err := r.Follow("shop", time.Now(), targets); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	until(t, "all are healthy", func() bool {
		for i := range 1000 {
			if r.Checked("shop", fmt.Sprint("e", i)).State != health.Healthy {
				return false
			}
		}
		return true
	})
	cancel()
	<-ended
	if n := now.Load(); n != 0 {
		t.Errorf("%d checks still run", n)
	}
	if m := most.Load(); m > 32 {
		t.Errorf("%d checks at once; want at most 32", m)
	}
	server.CloseClientConnections()
	until(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before+1 })
}

// TestRunEndsWhileChecksHang, as soon as its context does.
func TestRunEndsWhileChecksHang(t *testing.T) {
	asked := make(chan struct{}, 100)
	hangs := check("c", func(ctx context.Context) error {
		asked <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	var targets []health.Target
	for i := range 10 {
		one := quick(fmt.Sprint("e", i), hangs)
		one.Timeout = time.Hour
		targets = append(targets, one)
	}
	r := health.NewRunner(3, 1)
	if err := r.Follow("shop", time.Now(), targets); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	for range 3 {
		<-asked
	}
	cancel()
	<-ended
	if got := r.Checked("shop", "e0"); got != (health.Checked{}) {
		t.Errorf("what was cut off counts: %+v", got)
	}
}
