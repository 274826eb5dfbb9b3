package guard

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

func newGuard(t testing.TB, access Access) *Guard {
	t.Helper()
	g, err := New(access, prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestFullSpeed: with the defaults a proxy that wakes up to 300,000 messages/s is
// never refused.
func TestFullSpeed(t *testing.T) {
	limits := DefaultLimits()
	c := newCaller("a", &limits, nil)
	for s := range 120 {
		n := 10
		if s > 60 {
			n = 30_000
		}
		for range second {
			for range n {
				if !c.take() {
					t.Fatalf("refused in second %d", s)
				}
			}
			c.fill(&limits)
		}
	}
}

// TestForgotten: who is long gone takes no memory.
func TestForgotten(t *testing.T) {
	g := newGuard(t, Access{Limits: DefaultLimits()})
	g.caller("a")
	stays := g.caller("b")
	stays.connections.Add(1)
	for range second * (forget + 1) {
		g.Tick(time.Unix(0, 0))
	}
	if len(g.callers) != 1 || g.callers["b"] != stays {
		t.Errorf("%d callers are remembered", len(g.callers))
	}
}

func called(g *Guard, name string) (context.Context, *grpc.UnaryServerInfo) {
	ctx := peer.NewContext(context.Background(), &peer.Peer{AuthInfo: &Peer{Identity: name, caller: g.caller(name)}})
	return ctx, &grpc.UnaryServerInfo{FullMethod: "/fairway.v1.Router/Decide"}
}

func unlimited() Access {
	limits := DefaultLimits()
	limits.Rate, limits.Burst = 1e12, 1<<30
	return Access{Allow: DefaultAllow("fairway.local"), Limits: limits}
}

var answer any = &fairwayv1.Decision{}

func next(context.Context, any) (any, error) { return answer, nil }

// TestUnaryAllocatesNothing on the request path.
func TestUnaryAllocatesNothing(t *testing.T) {
	g := newGuard(t, unlimited())
	ctx, info := called(g, "spiffe://fairway.local/proxy")
	in := any(&fairwayv1.DecideRequest{Service: "shop"})
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := g.Unary(ctx, in, info, next); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per call", n)
	}
}

func BenchmarkUnary(b *testing.B) {
	in := any(&fairwayv1.DecideRequest{Service: "shop"})
	g := newGuard(b, unlimited())
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		ctx, info := called(g, "spiffe://fairway.local/proxy")
		for i := 0; b.Loop(); i++ {
			if i%(1<<20) == 0 {
				g.Tick(time.Unix(int64(i), 0))
			}
			g.Unary(ctx, in, info, next)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		ctx, info := called(g, "spiffe://fairway.local/proxy")
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				g.Unary(ctx, in, info, next)
			}
		})
	})
}

func FuzzParseAccess(f *testing.F) {
	for _, seed := range []string{
		"", "allow: [{identity: 'spiffe://fairway.local/*', methods: [Decide, Watch], services: [shop]}]\nlimits: {rate: 100, ping: 30s}",
		"allow: [{identity: local, methods: ['*']}]", "limits: {rate: .nan}", "limits: {rate: -1}", "allow: [{identity: '*', methods: []}]",
		"allow: {}", "a: b", "---\n---\n", "limits: {burst: 99999999999999999999}", "allow: [&a {identity: local, methods: [Decide]}, *a]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		access, err := ParseAccess(text)
		if err != nil {
			return
		}
		g, err := New(access, prometheus.NewRegistry(), nil)
		if err != nil {
			t.Fatalf("read, and then refused: %v", err)
		}
		ctx, info := called(g, "spiffe://fairway.local/proxy")
		for range 3 {
			g.Unary(ctx, &fairwayv1.DecideRequest{Service: "shop"}, info, next)
			g.Tick(time.Unix(0, 0))
		}
	})
}

// TestParseAccess refuses what would be read otherwise than it was meant.
func TestParseAccess(t *testing.T) {
	for _, bad := range []string{
		"alow: []", "allow: [{identity: local}]", "allow: [{methods: [Decide]}]", "allow: [{identity: local, methods: [decide]}]",
		"allow: [{identity: 'spiffe://*', methods: [Decide]}]", "allow: [{identity: 'spiffe://fairway.local*', methods: [Decide]}]",
		"allow: [{identity: 'spiffe://fairway.local/*/a', methods: [Decide]}]", "allow: [{identity: proxy, methods: [Decide]}]",
		"allow: [{identity: local, methods: [Decide], services: ['']}]", "limits: {rate: 0}", "limits: {rate: .nan}", "limits: {rate: .inf}",
		"limits: {streams: -1}", "limits: {ping: 5}", "limits: {}\n---\nlimits: {}", "[]", "limits: {max_age: 0s}",
		"", "\n# allow: []\n", "---\n", "~", "allow:", "allow:\nlimits: {rate: 5}", "allow: ~", // half written: all would be allowed
	} {
		if access, err := ParseAccess([]byte(bad)); err == nil {
			t.Errorf("%s is read as %+v", bad, access)
		}
	}
	access, err := ParseAccess([]byte("limits: {rate: 5}"))
	if err != nil || access.Allow != nil || access.Limits.Rate != 5 || access.Limits.burst() != 5 || access.Limits.Ping != DefaultLimits().Ping {
		t.Errorf("%+v, %v", access, err)
	}
	if access, err := ParseAccess([]byte("{}")); err != nil || access.Allow != nil {
		t.Errorf("{}: %+v, %v", access, err)
	}
	if access, err := ParseAccess([]byte("allow: []")); err != nil || access.Allow == nil {
		t.Errorf("nobody: %+v, %v", access, err)
	}
}

func BenchmarkAllow(b *testing.B) {
	b.ReportAllocs()
	g := newGuard(b, unlimited())
	ctx, info := called(g, "spiffe://fairway.local/proxy")
	in := any(&fairwayv1.DecideRequest{Service: "shop"})
	for i := 0; b.Loop(); i++ {
		if i%(1<<20) == 0 {
			g.Tick(time.Unix(int64(i), 0))
		}
		g.Allow(ctx, info.FullMethod, in)
	}
}

// outbox keeps what is sent.
type outbox struct {
	grpc.ServerStream
	sent []any
}

func (o *outbox) SendMsg(m any) error {
	o.sent = append(o.sent, m)
	return nil
}

// TestOpenStreams: a stream that is open when its caller becomes a high threat tells
// nothing more, whatever is spoken on it, and though nothing is asked; a Route in
// quarantine is told decisions without endpoints.
func TestOpenStreams(t *testing.T) {
	const name = "spiffe://fairway.local/proxy"
	methods := []string{fairwayv1.Router_Watch_FullMethodName, fairwayv1.Router_Route_FullMethodName, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"}
	for full := range likewise {
		methods = append(methods, full)
	}
	for _, onHigh := range []string{threat.Refuse, threat.Quarantine} {
		for _, method := range methods {
			access := unlimited()
			access.Threats = threat.DefaultSettings()
			access.Threats.Mode, access.Threats.OnHigh = threat.Enforce, onHigh
			g := newGuard(t, access)
			out := &outbox{}
			s := &stream{ServerStream: out, guard: g, peer: &Peer{Identity: name, caller: g.caller(name)}, method: method}
			told := &fairwayv1.Decision{Service: "shop", Endpoint: &fairwayv1.Endpoint{Name: "a", Address: "10.0.0.1:80"}}
			if err := s.SendMsg(told); err != nil || len(out.sent) != 1 {
				t.Fatalf("%s at low: %v", method, err)
			}
			if err := g.Judge().Override(threat.Override{Identity: name, Level: threat.High, Why: "a test"}); err != nil {
				t.Fatal(err)
			}
			err := s.SendMsg(told)
			if onHigh == threat.Quarantine && method == fairwayv1.Router_Route_FullMethodName {
				if d := out.sent[1].(*fairwayv1.Decision); err != nil || d.Endpoint.Address != "" || told.Endpoint.Address == "" {
					t.Errorf("a Route in quarantine is told %v, %v", d, err)
				}
				continue
			}
			if status.Code(err) != codes.PermissionDenied || len(out.sent) != 1 {
				t.Errorf("%s, %s: %v, and %d messages are told", onHigh, method, err, len(out.sent)-1)
			}
		}
	}
}
