package siege

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/guard"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

const (
	step  = 100 * time.Millisecond // of the guard
	short = 12 * time.Hour         // the life of a certificate of half of the callers
	long  = 365 * 24 * time.Hour   // of the others
)

// begin is when every siege begins.
var begin = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

// caller is one identity that asks.
type caller struct {
	name     string
	life     time.Duration
	ctx      context.Context
	services []*fairwayv1.DecideRequest
	// base is its rate in messages/s without an event, at a time in seconds.
	base func(at float64) float64
	// factor is what events multiply base by, and plus what they add.
	factor func(at float64) float64
	plus   func(at float64) float64
	evil   bool
	outcome
}

// outcome is what became of messages.
type outcome struct {
	sent  int64
	limit int64 // refused by the limit, as without a judge
	// What the judge is to blame for: refused as a high threat, for a long-lived
	// certificate, and by the tightened rate.
	high, long, tight int64
	passed            int64
}

func (o *outcome) add(other outcome) {
	o.sent, o.limit, o.passed = o.sent+other.sent, o.limit+other.limit, o.passed+other.passed
	o.high, o.long, o.tight = o.high+other.high, o.long+other.long, o.tight+other.tight
}

// mesh is callers before a guard.
type mesh struct {
	rng     *rand.Rand
	guard   *guard.Guard
	now     time.Time
	callers []*caller
	rate    float64 // the limit of one identity
	events  []event
	raised  map[string]time.Duration // the first time that a caller was at least medium
	highest map[string]time.Duration // high
	mediums int                      // rises of honest callers
	was     map[string]threat.Level
}

// event happens once, at a time after the beginning.
type event struct {
	at time.Duration
	do func()
}

// newMesh is a guard that refuses, before nobody yet.
func newMesh(seed uint64, rate float64, mode string) (*mesh, error) {
	access := guard.Access{Limits: guard.DefaultLimits(), Threats: threat.DefaultSettings()}
	access.Limits.Rate, access.Threats.Mode = rate, mode
	access.Allow = []guard.Grant{{Identity: "spiffe://mesh.example/*", Methods: []string{"Decide"}}}
	g, err := guard.New(access, prometheus.NewRegistry(), nil)
	if err != nil {
		return nil, err
	}
	return &mesh{
		rng: rand.New(rand.NewPCG(seed, 0x7468726561)), guard: g, now: begin, rate: rate,
		raised: map[string]time.Duration{}, highest: map[string]time.Duration{}, was: map[string]threat.Level{},
	}, nil
}

// join adds a caller.
func (m *mesh) join(name string, services []string, base func(at float64) float64) *caller {
	c := &caller{name: "spiffe://mesh.example/" + name, life: short, base: base}
	if len(m.callers)%2 == 1 {
		c.life = long
	}
	c.ctx = m.connect(c)
	for _, s := range services {
		c.ask(s)
	}
	m.callers = append(m.callers, c)
	return c
}

func (c *caller) ask(service string) {
	c.services = append(c.services, &fairwayv1.DecideRequest{Service: service})
}

// connect is what a handshake by the caller leaves.
func (m *mesh) connect(c *caller) context.Context {
	cert := certificate(c.name, m.now, c.life)
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, VerifiedChains: [][]*x509.Certificate{{cert}}}
	return peer.NewContext(context.Background(), &peer.Peer{AuthInfo: m.guard.Peer(state, "192.0.2.1:1")})
}

// certificate is of a name, as far as the guard looks.
func certificate(name string, now time.Time, life time.Duration) *x509.Certificate {
	uri, err := url.Parse(name)
	if err != nil {
		panic(err) // names are of this package
	}
	return &x509.Certificate{URIs: []*url.URL{uri}, KeyUsage: x509.KeyUsageDigitalSignature, NotBefore: now.Add(-life / 2), NotAfter: now.Add(life / 2)}
}

// at is a duration after the beginning, in seconds.
func (m *mesh) at() float64 { return m.now.Sub(begin).Seconds() }

// run lets time pass.
func (m *mesh) run(until time.Duration) {
	for m.now.Sub(begin) < until {
		for len(m.events) > 0 && m.now.Sub(begin) >= m.events[0].at {
			m.events[0].do()
			m.events = m.events[1:]
		}
		at := m.at()
		for _, c := range m.callers {
			m.send(c, at)
		}
		m.now = m.now.Add(step)
		m.guard.Tick(m.now)
		if m.now.Sub(begin)%(5*time.Second) == 0 {
			m.look()
		}
	}
}

// send is what a caller sends in one step.
func (m *mesh) send(c *caller, at float64) {
	rate := c.base(at)
	if c.factor != nil {
		rate *= c.factor(at)
	}
	if c.plus != nil {
		rate += c.plus(at)
	}
	for range poisson(m.rng, rate*step.Seconds()) {
		m.message(c, c.services[m.rng.IntN(len(c.services))])
	}
}

func (m *mesh) message(c *caller, in *fairwayv1.DecideRequest) {
	c.sent++
	err := m.guard.Allow(c.ctx, fairwayv1.Router_Decide_FullMethodName, in)
	if err == nil {
		c.passed++
		return
	}
	switch reason(err) {
	case "HIGH_THREAT":
		c.high++
	case "CERTIFICATE_TOO_LONG_LIVED":
		c.long++
	default:
		if m.was[c.name] > threat.Low {
			c.tight++
		} else {
			c.limit++
		}
	}
}

func reason(err error) string {
	s := status.Convert(err)
	if s.Code() == codes.ResourceExhausted {
		return "" // the most frequent
	}
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.Reason
		}
	}
	return ""
}

// look notes whose level has risen.
func (m *mesh) look() {
	for _, c := range m.guard.Judge().View().Callers {
		if c.Level > m.was[c.Identity] && m.was[c.Identity] == threat.Low && !m.evil(c.Identity) {
			m.mediums++
		}
		m.was[c.Identity] = c.Level
		note := func(in map[string]time.Duration, least threat.Level) {
			if _, known := in[c.Identity]; !known && c.Level >= least {
				in[c.Identity] = m.now.Sub(begin)
			}
		}
		note(m.raised, threat.Medium)
		note(m.highest, threat.High)
	}
}

func (m *mesh) evil(name string) bool {
	for _, c := range m.callers {
		if c.evil && c.name == name {
			return true
		}
	}
	return name == threat.Strangers
}

// honest is what became of the messages of honest callers, by the life of their
// certificates.
func (m *mesh) honest() (shortLived, longLived outcome) {
	for _, c := range m.callers {
		switch {
		case c.evil:
		case c.life == short:
			shortLived.add(c.outcome)
		default:
			longLived.add(c.outcome)
		}
	}
	return shortLived, longLived
}

// poisson draws a number of events.
func poisson(rng *rand.Rand, mean float64) int {
	if !(mean > 0) {
		return 0
	}
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*rng.NormFloat64())))
	}
	n, p, end := 0, rng.Float64(), math.Exp(-mean)
	for ; p > end; n++ {
		p *= rng.Float64()
	}
	return n
}

func serviceNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("service-%03d.shop.svc.cluster.local", i)
	}
	return names
}
