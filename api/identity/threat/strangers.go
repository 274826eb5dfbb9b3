package threat

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Strangers is the name of the subject of all who failed to prove a name.
const Strangers = "strangers"

// strangers are all who failed to prove who they are. What name they claimed
// raises nobody's level: else anyone could have another locked out.
type strangers struct {
	subject *Subject

	mu      sync.Mutex
	claimed map[string]int64 // trust domains, by how often; about, of the rare ones
}

// mostClaimed bounds the trust domains that are told apart.
const mostClaimed = 16

// Stranger notes a handshake that failed, and why.
func (j *Judge) Stranger(err error) {
	j.strangers.subject.Failed()
	j.strangers.claim(Claimed(err))
}

// Crowded notes a handshake that was not begun, because there were too many.
func (j *Judge) Crowded() {
	j.strangers.subject.Failed()
	j.strangers.subject.Exceeded(Handshakes)
}

// claim counts a trust domain. Of more than there is place for, the rarest is
// replaced, and its count inherited (space-saving: Metwally, Agrawal, El Abbadi
// 2005).
func (s *strangers) claim(domain string) {
	if domain == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claimed == nil {
		s.claimed = map[string]int64{}
	}
	if _, known := s.claimed[domain]; !known && len(s.claimed) >= mostClaimed {
		rarest := slices.MinFunc(slices.Sorted(maps.Keys(s.claimed)), func(a, b string) int { return int(s.claimed[a] - s.claimed[b]) })
		s.claimed[domain] = s.claimed[rarest]
		delete(s.claimed, rarest)
	}
	s.claimed[domain]++
}

func (s *strangers) claims() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.claimed)
}

// Claimed is the trust domain that the certificate of a failed handshake claims,
// or "" where it claims none: unproved, and for people to read alone.
func Claimed(err error) string {
	var bad *tls.CertificateVerificationError
	if !errors.As(err, &bad) || len(bad.UnverifiedCertificates) == 0 {
		return ""
	}
	return domainOf(bad.UnverifiedCertificates[0])
}

func domainOf(cert *x509.Certificate) string {
	for _, uri := range cert.URIs {
		if strings.EqualFold(uri.Scheme, "spiffe") && len(uri.Host) <= 255 {
			return strings.ToValidUTF8(strings.ToLower(strings.Clone(uri.Host)), "?")
		}
	}
	return ""
}
