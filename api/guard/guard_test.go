package guard_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/guard"
	"github.com/fairway-mesh/fairway/api/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// answers answers everything that it is asked.
type answers struct {
	fairwayv1.UnimplementedRouterServer
}

func (answers) Decide(ctx context.Context, in *fairwayv1.DecideRequest) (*fairwayv1.Decision, error) {
	return decision(ctx, in.Service), nil
}

func decision(ctx context.Context, service string) *fairwayv1.Decision {
	return &fairwayv1.Decision{
		Service: service, Policy: guard.Identity(ctx), Endpoint: &fairwayv1.Endpoint{Name: "a", Address: "127.0.0.1:9001"},
		Weights: []*fairwayv1.EndpointWeight{{Endpoint: "a", Weight: 1}},
	}
}

func (answers) DecideBatch(ctx context.Context, in *fairwayv1.DecideBatchRequest) (*fairwayv1.DecideBatchResponse, error) {
	out := &fairwayv1.DecideBatchResponse{}
	for _, r := range in.Requests {
		out.Decisions = append(out.Decisions, decision(ctx, r.Service))
	}
	return out, nil
}

func (answers) Explain(context.Context, *fairwayv1.DecideRequest) (*fairwayv1.Explanation, error) {
	return &fairwayv1.Explanation{}, nil
}

func (answers) Forecast(context.Context, *fairwayv1.ForecastRequest) (*fairwayv1.ForecastResponse, error) {
	return &fairwayv1.ForecastResponse{}, nil
}

func (answers) Watch(_ *fairwayv1.WatchRequest, s grpc.ServerStreamingServer[fairwayv1.ServiceWeights]) error {
	s.Send(&fairwayv1.ServiceWeights{})
	<-s.Context().Done()
	return nil
}

func (answers) Route(s grpc.BidiStreamingServer[fairwayv1.DecideRequest, fairwayv1.Decision]) error {
	for {
		in, err := s.Recv()
		if err != nil {
			return err
		}
		if err := s.Send(decision(s.Context(), in.Service)); err != nil {
			return err
		}
	}
}

// service is a guarded server with an authority of its own.
type service struct {
	guard   *guard.Guard
	reg     *prometheus.Registry
	address string
	state   string
	clock   func() time.Time
}

func start(t testing.TB, access guard.Access, tls bool) *service {
	t.Helper()
	s := &service{reg: prometheus.NewRegistry(), state: t.TempDir(), clock: func() time.Time { return noon }}
	if access.Limits == (guard.Limits{}) {
		access.Limits = guard.DefaultLimits()
	}
	if access.Allow == nil {
		access.Allow = guard.DefaultAllow(identity.DefaultTrustDomain)
	}
	var err error
	if s.guard, err = guard.New(access, s.reg, nil); err != nil {
		t.Fatal(err)
	}
	creds := insecure.NewCredentials()
	if tls {
		creds = identity.ServerCredentials(s.source(t, identity.DaemonPath))
	}
	server := grpc.NewServer(append(s.guard.Options(creds), grpc.UnaryInterceptor(s.guard.Unary), grpc.StreamInterceptor(s.guard.Stream))...)
	fairwayv1.RegisterRouterServer(server, answers{})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began
			t.Error(err)
		}
	})
	return s
}

func (s *service) source(t testing.TB, path string) *identity.Source {
	t.Helper()
	cfg := identity.DefaultConfig()
	cfg.State, cfg.Path, cfg.Clock = filepath.Join(s.state, "identity"), path, s.clock
	source, err := identity.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func (s *service) dial(t testing.TB, creds credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// as is a connection by the identity with that path.
func (s *service) as(t testing.TB, path string) *grpc.ClientConn {
	return s.dial(t, identity.ClientCredentials(s.source(t, path), ""))
}

func (s *service) refused(t testing.TB, reason string) float64 {
	t.Helper()
	families, err := s.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == "fairway_refused_total" && m.Label[0].GetValue() == reason {
				return m.Counter.GetValue()
			}
		}
	}
	t.Fatalf("no reason %s is counted", reason)
	return 0
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// reason is the ErrorInfo's; empty where there is none.
func reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.Domain == "fairway.v1" {
			return info.Reason
		}
	}
	return ""
}

func want(t testing.TB, what string, err error, code codes.Code, why string) {
	t.Helper()
	if status.Code(err) != code || reason(err) != why {
		t.Errorf("%s: %v (%q); want %v %q", what, err, reason(err), code, why)
	}
}

func reflect(t testing.TB, conn *grpc.ClientConn) error {
	t.Helper()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(within(t))
	if err != nil {
		t.Fatal(err)
	}
	stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}})
	_, err = stream.Recv()
	return err
}

// TestDefaults: proxies decide, operators see inside, callers on this machine do
// both in plaintext.
func TestDefaults(t *testing.T) {
	s := start(t, guard.Access{}, true)
	plain := start(t, guard.Access{}, false)
	for _, who := range []struct {
		name     string
		conn     *grpc.ClientConn
		operator bool
	}{
		{"spiffe://fairway.local/proxy-a", s.as(t, "/proxy-a"), false},
		{"spiffe://fairway.local/operator/alice", s.as(t, "/operator/alice"), true},
		{"spiffe://fairway.local/operators", s.as(t, "/operators"), false},
		{guard.Local, plain.dial(t, insecure.NewCredentials()), true},
	} {
		router := fairwayv1.NewRouterClient(who.conn)
		d, err := router.Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
		if err != nil || d.Policy != who.name {
			t.Errorf("%s: decided for %q, %v", who.name, d.GetPolicy(), err)
		}
		if _, err := grpc_health_v1.NewHealthClient(who.conn).Check(within(t), &grpc_health_v1.HealthCheckRequest{}); err != nil {
			t.Errorf("%s: %v", who.name, err)
		}
		code, why := codes.OK, ""
		if !who.operator {
			code, why = codes.PermissionDenied, "NOT_ALLOWED"
		}
		_, err = router.Explain(within(t), &fairwayv1.DecideRequest{Service: "shop"})
		want(t, who.name+" asks Explain", err, code, why)
		want(t, who.name+" asks reflection", reflect(t, who.conn), code, why)
	}
}

// TestNobody: a call that came by no guarded connection is not answered.
func TestNobody(t *testing.T) {
	s := start(t, guard.Access{}, false)
	want(t, "no peer", s.guard.Allow(t.Context(), "/fairway.v1.Router/Decide", &fairwayv1.DecideRequest{}), codes.Unauthenticated, "NO_IDENTITY")
	none := peer.NewContext(t.Context(), &peer.Peer{AuthInfo: s.guard.Peer(nil, "10.0.0.9:1234")})
	if guard.Identity(none) != guard.Anonymous {
		t.Errorf("%q calls from elsewhere", guard.Identity(none))
	}
	want(t, "anonymous", s.guard.Allow(none, "/fairway.v1.Router/Explain", &fairwayv1.DecideRequest{}), codes.PermissionDenied, "NOT_ALLOWED")
	for address, name := range map[string]string{"127.0.0.1:1": guard.Local, "[::1]:1": guard.Local, "@": guard.Local, "[::ffff:127.0.0.1]:1": guard.Local, "[fe80::1%eth0]:1": guard.Anonymous, "host:1": guard.Anonymous} {
		if got := s.guard.Peer(nil, address).Identity; got != name {
			t.Errorf("%s is %s, want %s", address, got, name)
		}
	}
}

// TestServices: who may ask about one service gets nothing of another, by no
// method, and a grant that is taken away ends.
func TestServices(t *testing.T) {
	access, err := guard.ParseAccess([]byte("allow: [{identity: spiffe://fairway.local/*, methods: ['*'], services: [shop]}, {identity: spiffe://fairway.local/b, methods: [Decide], services: [cart]}]"))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, access, true)
	a, b := fairwayv1.NewRouterClient(s.as(t, "/a")), fairwayv1.NewRouterClient(s.as(t, "/b"))
	shop, cart := &fairwayv1.DecideRequest{Service: "shop"}, &fairwayv1.DecideRequest{Service: "cart"}
	const no = "SERVICE_NOT_ALLOWED"
	_, err = a.Decide(within(t), shop)
	want(t, "shop", err, codes.OK, "")
	_, err = a.Decide(within(t), cart)
	want(t, "cart", err, codes.PermissionDenied, no)
	_, err = b.Decide(within(t), cart)
	want(t, "cart by b", err, codes.OK, "")
	_, err = a.Explain(within(t), cart)
	want(t, "Explain", err, codes.PermissionDenied, no)
	_, err = a.DecideBatch(within(t), &fairwayv1.DecideBatchRequest{Requests: []*fairwayv1.DecideRequest{shop, cart}})
	want(t, "DecideBatch", err, codes.PermissionDenied, no)
	for _, services := range [][]string{nil, {"shop", "cart"}, {"shop"}} {
		code, why := codes.PermissionDenied, no
		if len(services) == 1 {
			code, why = codes.OK, ""
		}
		_, err = a.Forecast(within(t), &fairwayv1.ForecastRequest{Services: services})
		want(t, "Forecast", err, code, why)
		watch, err := a.Watch(within(t), &fairwayv1.WatchRequest{Services: services})
		if err == nil {
			_, err = watch.Recv()
		}
		want(t, "Watch", err, code, why)
	}
	route, err := a.Route(within(t))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(in *fairwayv1.DecideRequest) error {
		if err := route.Send(in); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		_, err := route.Recv()
		return err
	}
	want(t, "Route of shop", ask(shop), codes.OK, "")
	if err := s.guard.SetAllow([]guard.Grant{{Identity: "spiffe://fairway.local/b", Methods: []string{"*"}}}); err != nil {
		t.Fatal(err)
	}
	want(t, "Route after the grant", ask(shop), codes.PermissionDenied, "NOT_ALLOWED")
	_, err = b.Explain(within(t), cart)
	want(t, "the new grant", err, codes.OK, "")
}

// TestRate: a caller has its burst, is told when to come again, and does so; a
// stream's messages count; another caller is not concerned.
func TestRate(t *testing.T) {
	limits := guard.DefaultLimits()
	limits.Rate, limits.Burst, limits.Adaptive = 20, 5, false
	s := start(t, guard.Access{Limits: limits}, true)
	a, b := fairwayv1.NewRouterClient(s.as(t, "/a")), fairwayv1.NewRouterClient(s.as(t, "/b"))
	call := func(r fairwayv1.RouterClient) error {
		_, err := r.Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
		return err
	}
	route, err := a.Route(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := route.Send(&fairwayv1.DecideRequest{Service: "shop"}); err != nil {
			t.Fatal(err)
		}
		if _, err := route.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "fourth", call(a), codes.OK, "")
	want(t, "fifth", call(a), codes.OK, "")
	err = call(a)
	want(t, "sixth", err, codes.ResourceExhausted, "RATE_EXCEEDED")
	retry := time.Duration(0)
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			retry = info.RetryDelay.AsDuration()
		}
	}
	if retry != 100*time.Millisecond {
		t.Errorf("told to come again in %v", retry)
	}
	want(t, "another", call(b), codes.OK, "")
	s.guard.Tick(noon) // 2 messages
	want(t, "again", call(a), codes.OK, "")
	want(t, "and again", call(a), codes.OK, "")
	want(t, "too soon", call(a), codes.ResourceExhausted, "RATE_EXCEEDED")
	for range 100 {
		s.guard.Tick(noon)
	}
	for range 5 {
		want(t, "the burst", call(a), codes.OK, "")
	}
	want(t, "more than the burst", call(a), codes.ResourceExhausted, "RATE_EXCEEDED")
	if n := s.refused(t, "RATE_EXCEEDED"); n != 3 {
		t.Errorf("%v refusals counted, want 3", n)
	}
}

// TestStreamsAndConnections are bounded for each identity, and free again when
// they end.
func TestStreamsAndConnections(t *testing.T) {
	limits := guard.DefaultLimits()
	limits.Streams, limits.Connections = 2, 3
	s := start(t, guard.Access{Limits: limits}, true)
	open := func(r fairwayv1.RouterClient) (stop func(), err error) {
		ctx, cancel := context.WithCancel(within(t))
		w, err := r.Watch(ctx, &fairwayv1.WatchRequest{})
		if err == nil {
			_, err = w.Recv()
		}
		return cancel, err
	}
	conns := make([]*grpc.ClientConn, 3)
	for i := range conns {
		conns[i] = s.as(t, "/a")
		if _, err := fairwayv1.NewRouterClient(conns[i]).Decide(within(t), &fairwayv1.DecideRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	fourth := s.as(t, "/a")
	_, err := fairwayv1.NewRouterClient(fourth).Decide(within(t), &fairwayv1.DecideRequest{})
	fourth.Close() // it would try again, and take the place of the next
	if status.Code(err) != codes.Unavailable || s.refused(t, "TOO_MANY_CONNECTIONS") == 0 {
		t.Errorf("a fourth connection: %v", err)
	}
	if _, err := fairwayv1.NewRouterClient(s.as(t, "/b")).Decide(within(t), &fairwayv1.DecideRequest{}); err != nil {
		t.Errorf("another identity: %v", err)
	}
	stop, err := open(fairwayv1.NewRouterClient(conns[0]))
	want(t, "first", err, codes.OK, "")
	_, err = open(fairwayv1.NewRouterClient(conns[1]))
	want(t, "second", err, codes.OK, "")
	_, err = open(fairwayv1.NewRouterClient(conns[2]))
	want(t, "third", err, codes.ResourceExhausted, "TOO_MANY_STREAMS")
	stop()
	eventually(t, "a stream is free", func() bool { _, err := open(fairwayv1.NewRouterClient(conns[2])); return err == nil })
	conns[0].Close()
	eventually(t, "a connection is free", func() bool {
		next := s.as(t, "/a")
		defer next.Close()
		_, err := fairwayv1.NewRouterClient(next).Decide(within(t), &fairwayv1.DecideRequest{})
		return err == nil
	})
	if _, err := testutil.GatherAndLint(s.reg); err != nil {
		t.Error(err)
	}
}

// TestHalfOpen: who connects and says nothing, or shakes hands and says no more,
// is let go; meanwhile others are answered.
func TestHalfOpen(t *testing.T) {
	limits := guard.DefaultLimits()
	limits.HandshakeTimeout = 200 * time.Millisecond
	for _, tls := range []bool{true, false} {
		s := start(t, guard.Access{Limits: limits}, tls)
		silent := make([]net.Conn, 20)
		for i := range silent {
			silent[i] = hush(t, s, tls && i%2 == 0)
		}
		var reading sync.WaitGroup
		for _, conn := range silent {
			reading.Go(func() {
				conn.SetReadDeadline(time.Now().Add(20 * time.Second))
				if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
					t.Errorf("a silent connection was kept: %v", err)
				}
			})
		}
		reading.Wait()
	}
}

// hush is a connection that says nothing, or nothing after its handshake. On a busy
// machine a handshake may not end in time; then another is tried.
func hush(t testing.TB, s *service, shake bool) (conn net.Conn) {
	t.Helper()
	eventually(t, "a handshake ends", func() bool {
		raw, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { raw.Close() })
		if conn = raw; !shake {
			return true
		}
		host, _, _ := net.SplitHostPort(s.address)
		conn, _, err = identity.ClientCredentials(s.source(t, "/a"), "").ClientHandshake(within(t), host, raw)
		return err == nil
	})
	return conn
}

// TestHandshakes that nobody finishes do not pile up.
func TestHandshakes(t *testing.T) {
	limits := guard.DefaultLimits()
	limits.Handshakes, limits.HandshakeTimeout = 2, time.Minute
	s := start(t, guard.Access{Limits: limits}, true)
	for range 10 {
		raw, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
	}
	eventually(t, "eight were turned away", func() bool { return s.refused(t, "TOO_MANY_HANDSHAKES") == 8 })
}

// TestSizes: messages and headers beyond their limits are refused.
func TestSizes(t *testing.T) {
	limits := guard.DefaultLimits()
	limits.MessageBytes = 1000
	s := start(t, guard.Access{Limits: limits}, true)
	_, err := fairwayv1.NewRouterClient(s.as(t, "/a")).Decide(within(t), &fairwayv1.DecideRequest{Service: strings.Repeat("a", 2000)})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a large message: %v", err)
	}
	_, err = fairwayv1.NewRouterClient(s.as(t, "/a")).Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
	want(t, "a small one", err, codes.OK, "")
}
