package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// Held is what a process shows and whom it believes. It is never changed.
type Held struct {
	Certificate *tls.Certificate // with its Leaf
	Name        string           // whom it names
	Roots       []*x509.Certificate
	RenewAt     time.Time // when the own authority issues the next; else zero

	pool   *x509.CertPool
	domain spiffeid.TrustDomain // zero where Name is no SPIFFE ID
	digest string               // of what it was read from
}

func held(cert *tls.Certificate, roots []*x509.Certificate, digest string) (*Held, error) {
	name, err := Name(cert.Leaf)
	if err != nil {
		return nil, err
	}
	h := &Held{Certificate: cert, Name: name, Roots: roots, pool: x509.NewCertPool(), digest: digest}
	for _, root := range roots {
		h.pool.AddCert(root)
	}
	if id, err := spiffeid.FromString(name); err == nil {
		h.domain = id.TrustDomain()
	}
	return h, nil
}

// TrustDomain is that of the own name; empty where it is no SPIFFE ID.
func (h *Held) TrustDomain() string { return h.domain.Name() }

func (h *Held) valid(now time.Time) bool {
	return !now.Before(h.Certificate.Leaf.NotBefore) && now.Before(h.Certificate.Leaf.NotAfter)
}

// origin is where certificates come from.
type origin interface {
	// load returns what holds now: last itself when nothing has changed.
	load(now time.Time, last *Held) (*Held, error)
	// updated is sent on when there is something new; nil where one must look.
	updated() <-chan struct{}
	close() error
}

// Source holds what is in force. It is safe for concurrent use.
type Source struct {
	cfg     Config
	origin  origin
	current atomic.Pointer[Held]

	renewals, failures atomic.Uint64

	mu    sync.Mutex // held to refresh
	tried time.Time
	said  string
}

// Open reads the first certificates, or makes them. ctx bounds how long SPIRE is
// waited for. The source wants a Run, and a Close.
func Open(ctx context.Context, cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg}
	switch {
	case cfg.State != "":
		s.origin = &own{cfg: cfg}
	case cfg.SPIRE != "":
		spire, err := openSPIRE(ctx, cfg.SPIRE)
		if err != nil {
			return nil, err
		}
		s.origin = spire
	default:
		s.origin = files{cfg.Cert, cfg.Key, cfg.Trust}
	}
	if err := s.Refresh(); err != nil {
		s.origin.close()
		return nil, err
	}
	return s, nil
}

// Held is what is in force.
func (s *Source) Held() *Held { return s.current.Load() }

// Renewals counts how often other certificates came into force since Open,
// Failures how often there was something that could not be taken, and what was
// in force stayed.
func (s *Source) Renewals() uint64 { return s.renewals.Load() }
func (s *Source) Failures() uint64 { return s.failures.Load() }

// Close ends the connection to SPIRE, if any. What was in force stays.
func (s *Source) Close() error { return s.origin.close() }

// Run keeps the source fresh until ctx ends.
func (s *Source) Run(ctx context.Context) {
	tick := time.NewTicker(s.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.origin.updated():
		}
		s.Refresh() // says itself what is wrong
	}
}

// Refresh looks once whether there is something new. On an error what was in
// force stays; it is logged when it is another than before.
func (s *Source) Refresh() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh()
}

func (s *Source) refresh() error {
	last := s.current.Load()
	s.tried = s.cfg.Clock()
	next, err := s.origin.load(s.tried, last)
	if err != nil {
		if last != nil {
			s.failures.Add(1)
			if err.Error() != s.said {
				s.cfg.Log.Error("new certificates cannot be taken; those in force stay", "error", err, "until", last.Certificate.Leaf.NotAfter)
			}
		}
		s.said = err.Error()
		return err
	}
	s.said = ""
	if next == last {
		return nil
	}
	s.current.Store(next)
	if last != nil {
		s.renewals.Add(1)
		s.cfg.Log.Info("certificates renewed", "identity", next.Name, "until", next.Certificate.Leaf.NotAfter, "roots", len(next.Roots))
	}
	return nil
}

// valid is what is in force. Where the clock has jumped out of its validity, it
// looks for another at once, but not more than once a second.
func (s *Source) valid() *Held {
	now, h := s.cfg.Clock(), s.current.Load()
	if h.valid(now) {
		return h
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h = s.current.Load(); h.valid(now) || now.Sub(s.tried).Abs() < time.Second {
		return h
	}
	s.refresh()
	return s.current.Load()
}

// String says what is in force, for people.
func (s *Source) String() string {
	h := s.Held()
	return fmt.Sprintf("%s until %s", h.Name, h.Certificate.Leaf.NotAfter.Format(time.RFC3339))
}
