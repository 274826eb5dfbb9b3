package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	"github.com/fairway-mesh/fairway/api/identity"
)

// Guard knows who calls. It is safe for concurrent use.
type Guard struct {
	limits      Limits
	connections atomic.Int64
	handshakes  atomic.Int64
	refused     map[string]prometheus.Counter // by reason

	mu      sync.Mutex // held at handshakes and ticks, not at calls
	allow   []Grant
	callers map[string]*caller
}

// New returns a guard that wants a Run, and registers its metrics.
func New(access Access, reg prometheus.Registerer) (*Guard, error) {
	if err := errors.Join(validate(access.Allow), access.Limits.Validate()); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	g := &Guard{limits: access.Limits, allow: access.Allow, callers: map[string]*caller{}, refused: map[string]prometheus.Counter{}}
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_refused_total",
		Help: "Calls, connections and handshakes that the guard refused, by reason.",
	}, []string{"reason"})
	for _, reason := range reasons {
		g.refused[reason] = refused.WithLabelValues(reason)
	}
	reg.MustRegister(refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fairway_connections",
		Help: "Open connections of the gRPC API.",
	}, func() float64 { return float64(g.connections.Load()) }))
	return g, nil
}

// Run fills the buckets of all callers until ctx ends. Without it they run dry.
func (g *Guard) Run(ctx context.Context, clock func() time.Time) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			g.Tick(clock())
		}
	}
}

// Tick is one step of Run: a tenth of a second has passed.
func (g *Guard) Tick(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.callers {
		c.fill(now, &g.limits)
	}
	maps.DeleteFunc(g.callers, func(_ string, c *caller) bool { return c.idle > forget })
}

// SetAllow puts other grants into force, for calls from now on.
func (g *Guard) SetAllow(allow []Grant) error {
	if err := validate(allow); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.allow = slices.Clone(allow)
	for _, c := range g.callers {
		c.permits.Store(permitted(g.allow, c.name))
	}
	return nil
}

func (g *Guard) caller(name string) *caller {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.callers[name]
	if c == nil {
		c = newCaller(name, &g.limits, g.allow)
		g.callers[name] = c
	}
	c.idle = 0
	return c
}

// Peer makes who calls over HTTP known to calls whose context has it in its
// peer.Peer: the name in the verified certificate or, where state is nil, Local
// or Anonymous by the address. It is nil where TLS brought no certificate.
func (g *Guard) Peer(state *tls.ConnectionState, remote string) *Peer {
	name := plaintext(remote)
	if state != nil {
		if name = identity.Of(state); name == "" {
			return nil
		}
	}
	return &Peer{Identity: name, caller: g.caller(name)}
}

// Identity is who calls: a SPIFFE ID, "dns:…", "cn:…", Local or Anonymous;
// empty where no guard let the connection in.
func Identity(ctx context.Context) string {
	if c := from(ctx); c != nil {
		return c.name
	}
	return ""
}

func from(ctx context.Context) *caller {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	if known, ok := p.AuthInfo.(*Peer); ok && known != nil {
		return known.caller
	}
	return nil
}

// Allow tells whether the caller may make one call: method is its full name,
// message what it brings. Unary calls it, and who serves the same calls by
// another way.
func (g *Guard) Allow(ctx context.Context, method string, message any) error {
	c, p, err := g.permit(ctx, method)
	if err != nil {
		return err
	}
	return g.admit(c, p, message)
}

// May tells whether the caller may ask about a service by a method, for who serves
// messages that the guard does not read. It counts nothing.
func (g *Guard) May(ctx context.Context, method, service string) bool {
	c := from(ctx)
	if c == nil {
		return false
	}
	p := c.permits.Load().of(method)
	return p != nil && (p.services == nil || p.services[service])
}

func (g *Guard) permit(ctx context.Context, method string) (*caller, *permit, error) {
	c := from(ctx)
	if c == nil {
		g.refused[noIdentity].Inc()
		return nil, nil, refusal(codes.Unauthenticated, noIdentity, "who calls is not known; show a certificate", nil)
	}
	p := c.permits.Load().of(method)
	if p == nil {
		g.refused[notAllowed].Inc()
		return nil, nil, refusal(codes.PermissionDenied, notAllowed, fmt.Sprintf("%s may not call %s", c.name, method),
			map[string]string{"identity": c.name, "method": method})
	}
	return c, p, nil
}

// admit judges one message of a call that is permitted.
func (g *Guard) admit(c *caller, p *permit, message any) error {
	if !c.take() {
		g.refused[rateExceeded].Inc()
		return c.limited
	}
	if service, ok := p.covers(message); !ok {
		g.refused[serviceRefused].Inc()
		return refusal(codes.PermissionDenied, serviceRefused, fmt.Sprintf("%s may not ask about %q", c.name, service),
			map[string]string{"identity": c.name, "service": service})
	}
	return nil
}

// Unary is the interceptor of unary calls.
func (g *Guard) Unary(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := g.Allow(ctx, info.FullMethod, in); err != nil {
		return nil, err
	}
	return next(ctx, in)
}

// Stream is the interceptor of streams. Each message that comes is judged.
func (g *Guard) Stream(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	c, p, err := g.permit(s.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	defer c.streams.Add(-1)
	if c.streams.Add(1) > int64(g.limits.Streams) {
		g.refused[manyStreams].Inc()
		return refusal(codes.ResourceExhausted, manyStreams, fmt.Sprintf("%s has %d streams open, and may have no more", c.name, g.limits.Streams),
			map[string]string{"identity": c.name})
	}
	return next(srv, &stream{ServerStream: s, guard: g, caller: c, permit: p, method: info.FullMethod})
}

type stream struct {
	grpc.ServerStream
	guard  *Guard
	caller *caller
	permit *permit
	method string
}

// RecvMsg judges by what is permitted now: a stream may outlive a grant.
func (s *stream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if p := s.caller.permits.Load().of(s.method); p != nil {
		s.permit = p
		return s.guard.admit(s.caller, p, m)
	}
	_, _, err := s.guard.permit(s.Context(), s.method)
	return err
}
