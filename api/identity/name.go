package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// Name is whom a certificate names: its SPIFFE ID; for one without URIs "dns:"
// and its first DNS name, else "cn:" and its common name. It reports a
// certificate that names nobody, or that breaks the SPIFFE standard.
func Name(cert *x509.Certificate) (string, error) {
	switch {
	case cert.IsCA:
		return "", errors.New("identity: the certificate is an authority's, not a caller's")
	case len(cert.URIs) > 0:
		id, err := x509svid.IDFromCert(cert)
		if err != nil {
			return "", fmt.Errorf("identity: %w", err)
		}
		return id.String(), nil
	case len(cert.DNSNames) > 0:
		return "dns:" + cert.DNSNames[0], nil
	case cert.Subject.CommonName != "":
		return "cn:" + cert.Subject.CommonName, nil
	}
	return "", errors.New("identity: the certificate names nobody")
}

// Of is the name of the peer of a verified connection; empty where there is no
// verified certificate.
func Of(state *tls.ConnectionState) string {
	if state == nil || len(state.VerifiedChains) == 0 {
		return ""
	}
	name, err := Name(state.PeerCertificates[0])
	if err != nil {
		return ""
	}
	return name
}

// Valid reports what is no SPIFFE ID with a path.
func Valid(id string) error {
	parsed, err := spiffeid.FromString(id)
	if err == nil && parsed.Path() == "" {
		err = errors.New("a trust domain without a path")
	}
	if err != nil {
		return fmt.Errorf("identity: %q: %w; want spiffe://TRUST-DOMAIN/PATH", id, err)
	}
	return nil
}

// Match tells whether a name is meant by a pattern: the name itself or, where
// the pattern ends in "*", any that begins with what stands before it.
func Match(pattern, name string) bool {
	if start, any := strings.CutSuffix(pattern, "*"); any {
		return len(name) > len(start) && strings.HasPrefix(name, start)
	}
	return pattern == name
}

// member tells whether name is of the trust domain.
func member(name string, domain spiffeid.TrustDomain) bool {
	return strings.HasPrefix(name, domain.IDString()+"/")
}
