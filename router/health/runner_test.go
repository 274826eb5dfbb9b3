package health_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/fairway-mesh/fairway/router/health"
)

// target asks one check every second; it is unhealthy after three rounds that
// fail, and healthy again after two that pass.
func target(name string, checks ...health.Check) health.Target {
	return health.Target{Endpoint: name, Checks: checks, Interval: time.Second, Timeout: 500 * time.Millisecond, Least: 0.5, Rise: 2, Fall: 3}
}

func check(name string, run func(context.Context) error) health.Check {
	return health.Check{Name: name, Run: run}
}

// running follows the targets of shop until the test ends.
func running(t *testing.T, most int, targets ...health.Target) *health.Runner {
	t.Helper()
	r := health.NewRunner(most, 1)
	if err := r.Follow("shop", time.Now(), targets); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return r
}

// TestRiseAndFall: rounds of a second, within a tenth.
func TestRiseAndFall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		var rounds atomic.Int64
		r := running(t, 1, target("a", check("c", func(context.Context) error {
			rounds.Add(1)
			if broken.Load() {
				return errors.New("refused")
			}
			return nil
		})))
		synctest.Wait()
		if got := r.Checked("shop", "a"); got != (health.Checked{}) {
			t.Errorf("before the first round: %+v", got)
		}
		pass := func(n int64) { // so many rounds more
			for want := rounds.Load() + n; rounds.Load() < want; synctest.Wait() {
				time.Sleep(50 * time.Millisecond)
			}
		}
		expect := func(when string, want health.State, passed int) {
			t.Helper()
			if got := r.Checked("shop", "a"); got.State != want || got.Passed != passed || got.Total != 1 || (got.Reason == "") != (passed == 1) {
				t.Errorf("%s: %+v; want %v", when, got, want)
			}
		}
		pass(1)
		expect("first round", health.Healthy, 1)
		<-r.Changed()
		broken.Store(true)
		pass(2)
		expect("two failed", health.Healthy, 0)
		pass(1)
		expect("three failed", health.Unhealthy, 0)
		<-r.Changed()
		broken.Store(false)
		pass(1)
		expect("one passed", health.Unhealthy, 1)
		broken.Store(true)
		pass(1)
		broken.Store(false)
		pass(1)
		expect("one passed, one failed, one passed", health.Unhealthy, 1)
		pass(1)
		expect("two passed in a row", health.Healthy, 1)
		begun, before := time.Now(), rounds.Load()
		pass(100)
		if took := time.Since(begun); rounds.Load()-before != 100 || took < 93*time.Second || took > 107*time.Second {
			t.Errorf("100 rounds took %v", took)
		}
	})
}

// TestHangingEndpoints: those that hang fall by their timeouts, and hold up the
// others for no longer than the places that they take.
func TestHangingEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var targets []health.Target
		for i := range 20 {
			targets = append(targets, target(fmt.Sprintf("hangs%d", i), check("c", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })))
		}
		targets = append(targets, target("well", check("c", func(context.Context) error { return nil })))
		r := running(t, 4, targets...)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		for i := range 20 {
			if got := r.Checked("shop", fmt.Sprintf("hangs%d", i)); got.State != health.Unhealthy || !strings.Contains(got.Reason, "deadline exceeded") {
				t.Errorf("hangs%d: %+v", i, got)
			}
		}
		if got := r.Checked("shop", "well"); got.State != health.Healthy {
			t.Errorf("well: %+v", got)
		}
	})
}

// TestFollow: what is checked as before keeps its state, what is checked otherwise
// begins anew, and what has left is asked no more.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]*atomic.Int64{"a": {}, "b": {}, "c": {}}
		counted := func(name string) health.Check {
			return check(name, func(context.Context) error { asked[name].Add(1); return nil })
		}
		r := running(t, 1, target("a", counted("a")), target("b", counted("b")))
		time.Sleep(3 * time.Second)
		if err := r.Follow("shop", time.Now(), []health.Target{target("a", counted("a")), target("c", counted("c"))}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r.Checked("shop", "a").State != health.Healthy || r.Checked("shop", "b") != (health.Checked{}) || r.Checked("shop", "c") != (health.Checked{}) {
			t.Error("a was not kept, or b not forgotten, or c not begun anew")
		}
		before := asked["b"].Load()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if a, b, c := asked["a"].Load(), asked["b"].Load(), asked["c"].Load(); b != before || a < 10 || c < 8 {
			t.Errorf("asked %d, %d and %d times, b %d before", a, b, c, before)
		}
		twice := []health.Target{target("a", counted("a")), target("a", counted("b"))}
		if err := r.Follow("shop", time.Now(), twice); err == nil || !strings.Contains(err.Error(), "endpoint a of service shop stands twice") {
			t.Errorf("twice: %v", err)
		}
		if r.Checked("shop", "c").State != health.Healthy {
			t.Error("what was refused has changed something")
		}
		if err := r.Follow("shop", time.Now(), nil); err != nil || r.Checked("shop", "a") != (health.Checked{}) {
			t.Errorf("none: %v", err)
		}
	})
}

func TestTargetValidate(t *testing.T) {
	err := health.Target{Endpoint: "a", Least: 2}.Validate()
	for _, want := range []string{"no checks", "interval is 0s", "timeout is 0s", "least part is 2", "rise is 0", "fall is 0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	if err := target("a", health.TCP("127.0.0.1:1")).Validate(); err != nil {
		t.Error(err)
	}
}

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
