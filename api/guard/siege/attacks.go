package siege

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// attack is one way to do harm. plan returns whose level it should raise; for who
// frames another that is nobody.
type attack struct {
	name  string
	about string
	plan  func(s *Set, m *mesh, at float64) (raised string)
	// lasts is how long it is waited for.
	lasts time.Duration
}

var attacks = []attack{
	{"stuffing", "handshakes with certificates of foreign authorities, 5 to 100 a second", stuffing, 15 * time.Minute},
	{"scan", "a stolen certificate asks about services that it never asked about, 0.2 to 3 a second", scan(0.2, 3), 15 * time.Minute},
	{"scan, by a newcomer", "the same by an identity that nobody knows", scanNew, 15 * time.Minute},
	{"scan, slow", "one such service in 30 to 90 seconds", scan(1.0/90, 1.0/30), time.Hour},
	{"jump under the limit", "a stolen certificate sends 0.7 to 0.97 of the limit, from one second to the next", under(0.7, 0.97), 15 * time.Minute},
	{"jump under half the limit", "0.3 to 0.48 of the limit", under(0.3, 0.48), 15 * time.Minute},
	{"jump beyond the limit", "1.2 to 3 times the limit", under(1.2, 3), 15 * time.Minute},
	{"ramp to the limit", "from the own rate to 0.95 of the limit in an hour", ramp(0.95), 90 * time.Minute},
	{"ramp to twice the limit", "from the own rate to twice the limit in an hour", ramp(2), 90 * time.Minute},
	{"framing", "failed handshakes that claim the name of a caller, 50 a second", framing, 15 * time.Minute},
}

// Unverified is the error of a handshake with a certificate that claims a name and
// does not verify.
func unverified(name string) error {
	return &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{certificate(name, begin, time.Hour)}, Err: errors.New("x509: certificate signed by unknown authority")}
}

// failing lets handshakes fail, at a rate, and now and then one before.
func failing(m *mesh, at, rate float64, claim func() string) {
	m.callers = append(m.callers, &caller{
		name: threat.Strangers, evil: true, base: func(t float64) float64 {
			if m.rng.Float64() < 0.002 {
				m.guard.Judge().Stranger(errors.New("EOF"))
			}
			if t >= at {
				for range poisson(m.rng, rate*step.Seconds()) {
					m.guard.Judge().Stranger(unverified(claim()))
				}
			}
			return 0
		},
	})
}

func stuffing(s *Set, m *mesh, at float64) string {
	failing(m, at, s.between(m, 5, 100), func() string { return fmt.Sprintf("spiffe://foreign-%d.example/x", m.rng.IntN(1000)) })
	return threat.Strangers
}

func framing(_ *Set, m *mesh, at float64) string {
	victim := m.callers[m.rng.IntN(len(m.callers))].name
	failing(m, at, 50, func() string { return victim })
	return victim
}

// stolen is a caller whose certificate somebody else has too: he calls as before.
func stolen(m *mesh) *caller {
	c := m.callers[m.rng.IntN(len(m.callers))]
	c.evil = true
	return c
}

// scan asks about services one after the other; a third of them it may not ask about.
func scan(low, high float64) func(s *Set, m *mesh, at float64) string {
	return func(s *Set, m *mesh, at float64) string {
		thief := &caller{evil: true}
		victim := stolen(m)
		thief.name, thief.life = victim.name, victim.life
		scanning(s, m, thief, at, low, high)
		return victim.name
	}
}

func scanNew(s *Set, m *mesh, at float64) string {
	thief := &caller{name: "spiffe://mesh.example/stranger", life: short, evil: true}
	scanning(s, m, thief, at, 0.2, 3)
	return thief.name
}

func scanning(s *Set, m *mesh, thief *caller, at, low, high float64) {
	rate := math.Exp(math.Log(low) + math.Log(high/low)*m.rng.Float64())
	names, next := pick(m.rng, serviceNames(services), services), 0
	thief.base = func(t float64) float64 {
		if t < at || next >= len(names) {
			return 0
		}
		if thief.ctx == nil {
			thief.ctx = m.connect(thief)
		}
		for range poisson(m.rng, rate*step.Seconds()) {
			if next < len(names) {
				thief.services = nil
				thief.ask(names[next])
				m.message(thief, thief.services[0])
				next++
			}
		}
		return 0
	}
	m.callers = append(m.callers, thief)
}

// under sends a part of the limit from one second to the next.
func under(low, high float64) func(s *Set, m *mesh, at float64) string {
	return func(_ *Set, m *mesh, at float64) string {
		thief := stolen(m)
		rate := m.rate * (low + (high-low)*m.rng.Float64())
		thief.plus = func(t float64) float64 {
			if t < at {
				return 0
			}
			return max(rate-thief.base(t), 0)
		}
		return thief.name
	}
}

// ramp grows for an hour: by the same factor in every minute, or by the same
// amount where the set is hard.
func ramp(to float64) func(s *Set, m *mesh, at float64) string {
	return func(s *Set, m *mesh, at float64) string {
		thief := stolen(m)
		top := to * m.rate / max(thief.base(at), 0.1)
		thief.factor = func(t float64) float64 {
			part := min(max((t-at)/3600, 0), 1)
			if s.Hard > 0 {
				return 1 + (top-1)*part
			}
			return math.Pow(max(top, 1), part)
		}
		return thief.name
	}
}
