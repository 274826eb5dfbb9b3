package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	"github.com/fairway-mesh/fairway/api/identity"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// Guard knows who calls. It is safe for concurrent use.
type Guard struct {
	limits      Limits
	connections atomic.Int64
	handshakes  atomic.Int64
	refused     map[string]prometheus.Counter // by reason
	would       map[string]prometheus.Counter // by reason, where threats are only told
	judge       *threat.Judge
	shortLived  atomic.Int64 // ns
	ticks       int          // Tick's

	mu      sync.Mutex // held at handshakes and ticks, not at calls
	allow   []Grant
	callers map[string]*caller
}

// New returns a guard that wants a Run, and registers its metrics. The log is
// told of threats; nil is none.
func New(access Access, reg prometheus.Registerer, log *slog.Logger) (*Guard, error) {
	if err := errors.Join(validate(access.Allow), access.Limits.Validate()); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	g := &Guard{limits: access.Limits, allow: access.Allow, callers: map[string]*caller{}, refused: map[string]prometheus.Counter{}}
	if err := g.openJudge(access, reg, log); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
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
	g.fill()
	if g.ticks++; g.ticks%second == 0 {
		g.judge.Step(now)
	}
}

func (g *Guard) fill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.callers {
		if over := c.fill(&g.limits); over > 0 {
			g.would[rateExceeded].Add(float64(over))
		}
		if c.ticks == 0 {
			g.attach(c)
		}
	}
	maps.DeleteFunc(g.callers, func(_ string, c *caller) bool {
		subject := c.subject.Load()
		if c.idle <= forgetUnjudged || c.idle <= forget && !g.judge.Unjudged(subject) {
			return false
		}
		g.judge.LetGo(subject)
		c.gone.Store(true)
		return true
	})
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
	g.attach(c)
	c.idle = 0
	return c
}

// Peer makes who calls over HTTP known to calls whose context has it in its
// peer.Peer: the name in the verified certificate or, where state is nil, Local
// or Anonymous by the address. It is nil where TLS brought no certificate.
func (g *Guard) Peer(state *tls.ConnectionState, remote string) *Peer {
	if state == nil {
		name := plaintext(remote)
		return &Peer{Identity: name, caller: g.caller(name)}
	}
	name := identity.Of(state)
	if name == "" {
		return nil
	}
	return &Peer{Identity: name, Life: life(state), caller: g.caller(name)}
}

// Identity is who calls: a SPIFFE ID, "dns:…", "cn:…", Local or Anonymous;
// empty where no guard let the connection in.
func Identity(ctx context.Context) string {
	if p := from(ctx); p != nil {
		return p.caller.name
	}
	return ""
}

func from(ctx context.Context) *Peer {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	if known, ok := p.AuthInfo.(*Peer); ok && known != nil {
		return known
	}
	return nil
}

// Allow tells whether the caller may make one call: method is its full name,
// message what it brings. Unary calls it, and who serves the same calls by
// another way.
func (g *Guard) Allow(ctx context.Context, method string, message any) error {
	p, granted, err := g.permit(ctx, method)
	if err != nil {
		return err
	}
	return g.admit(p, granted, method, message)
}

// May tells whether the caller may ask about a service by a method, for who serves
// messages that the guard does not read. It counts no message.
func (g *Guard) May(ctx context.Context, method, service string) bool {
	p := from(ctx)
	return p != nil && g.may(p, method, service)
}

func (g *Guard) may(p *Peer, method, service string) bool {
	subject := p.caller.subject.Load()
	subject.Asked(service)
	granted := p.caller.permits.Load().of(method)
	if granted == nil || granted.services != nil && !granted.services[service] {
		subject.Denied(service)
		return false
	}
	tier := subject.Tier()
	return tier == 0 || !tier.Enforced() || g.tightened(p, tier, method) == "" && tier.Level() < threat.High
}

// Asks tells whether who has opened a connection may ask about a service by a method,
// for who takes messages from it that no interceptor sees: each question counts as one.
// Who shows no certificate, where TLS is spoken, may not. One goroutine at a time calls
// what is returned.
func (g *Guard) Asks(state *tls.ConnectionState, remote, method string) func(service string) bool {
	p := g.Peer(state, remote)
	return func(service string) bool {
		if p == nil {
			return false
		}
		if p.caller.gone.Load() { // it asked nothing for long, and nobody counts its connection
			p = g.Peer(state, remote)
		}
		switch c := p.caller; {
		case !g.may(p, method, service):
			c.turned.Add(1)
			return false
		case !c.take():
			g.refused[rateExceeded].Inc()
			return false
		}
		return true
	}
}

func (g *Guard) permit(ctx context.Context, method string) (*Peer, *permit, error) {
	who := from(ctx)
	if who == nil {
		g.refused[noIdentity].Inc()
		return nil, nil, refusal(codes.Unauthenticated, noIdentity, "who calls is not known; show a certificate", nil)
	}
	c := who.caller
	p := c.permits.Load().of(method)
	if p == nil {
		c.subject.Load().Denied(method)
		c.turned.Add(1)
		g.refused[notAllowed].Inc()
		return nil, nil, refusal(codes.PermissionDenied, notAllowed, fmt.Sprintf("%s may not call %s", c.name, method),
			map[string]string{"identity": c.name, "method": method})
	}
	return who, p, nil
}

// admit judges one message of a call that is permitted.
func (g *Guard) admit(who *Peer, p *permit, method string, message any) error {
	c := who.caller
	subject := c.subject.Load()
	note(subject, message)
	if tier := subject.Tier(); tier != 0 {
		if err := g.tighten(who, tier, method); err != nil {
			return err
		}
	}
	if !c.take() {
		g.refused[rateExceeded].Inc()
		return c.limited
	}
	if service, ok := p.covers(message); !ok {
		subject.Denied(service)
		g.refused[serviceRefused].Inc()
		return refusal(codes.PermissionDenied, serviceRefused, fmt.Sprintf("%s may not ask about %q", c.name, service),
			map[string]string{"identity": c.name, "service": service})
	}
	return nil
}
