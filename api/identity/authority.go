package identity

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// skew is how far the clocks of two machines may be apart: certificates are
// valid from so long before they are issued.
const skew = 5 * time.Minute

// maxRoots bounds what a clock that jumps about can make of an authority.
const maxRoots = 8

// root is one key that signs, with its certificate.
type root struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// since is when the root was made.
func (r root) since() time.Time { return r.cert.NotBefore.Add(skew) }

// life is how long the root was meant to last.
func (r root) life() time.Duration { return r.cert.NotAfter.Sub(r.since()) }

func (r root) valid(now time.Time) bool {
	return !now.Before(r.cert.NotBefore) && now.Before(r.cert.NotAfter)
}

// roots are an authority: all that are believed, oldest first. A new one comes
// when two thirds of the newest's life have passed, and signs only a twelfth of
// its life later, when everybody has had the time to learn of it; by then the
// old one has a quarter left, so that nothing it signed outlives it.
type roots []root

// due tells whether a new root is wanted: at two thirds, or at once where none
// is valid, because the clock jumped or nobody ran for long.
func (rs roots) due(now time.Time) bool {
	for _, r := range rs {
		if r.valid(now) && now.Before(r.since().Add(r.life()*2/3)) {
			return false
		}
	}
	return true
}

// signer is the newest that everybody has had the time to learn of; where there
// is none, the oldest that is valid.
func (rs roots) signer(now time.Time) (root, error) {
	for i := len(rs) - 1; i >= 0; i-- {
		if r := rs[i]; r.valid(now) && !now.Before(r.since().Add(r.life()/12)) {
			return r, nil
		}
	}
	for _, r := range rs {
		if r.valid(now) {
			return r, nil
		}
	}
	return root{}, errors.New("no root is valid")
}

// rotate drops what has expired and adds a root.
func (rs roots) rotate(now time.Time, domain spiffeid.TrustDomain, life time.Duration) (roots, error) {
	var kept roots
	for _, r := range rs {
		if now.Before(r.cert.NotAfter) {
			kept = append(kept, r)
		}
	}
	if len(kept) >= maxRoots {
		kept = kept[len(kept)-maxRoots+1:]
	}
	next, err := newRoot(now, domain, life)
	return append(kept, next), err
}

func (rs roots) certificates() []*x509.Certificate {
	certs := make([]*x509.Certificate, len(rs))
	for i, r := range rs {
		certs[i] = r.cert
	}
	return certs
}

func newRoot(now time.Time, domain spiffeid.TrustDomain, life time.Duration) (root, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return root{}, err
	}
	serial := serial()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Organization: []string{"fairway"}, CommonName: "fairway authority", SerialNumber: serial.String()},
		NotBefore: now.Add(-skew), NotAfter: now.Add(life), URIs: []*url.URL{domain.ID().URL()},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return root{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return root{cert, key}, err
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // never: crypto/rand ends the program rather than fail
	}
	return n
}

// domain is the trust domain that all roots are of.
func (rs roots) domain() (spiffeid.TrustDomain, error) {
	var domain spiffeid.TrustDomain
	for i, r := range rs {
		if len(r.cert.URIs) != 1 {
			return domain, errors.New("a root names no trust domain")
		}
		d, err := spiffeid.TrustDomainFromURI(r.cert.URIs[0])
		if err != nil {
			return domain, err
		}
		if i > 0 && d != domain {
			return domain, fmt.Errorf("roots of two trust domains, %s and %s", domain, d)
		}
		domain = d
	}
	return domain, nil
}

// marshal writes each root and its key.
func (rs roots) marshal() ([]byte, error) {
	var text bytes.Buffer
	for _, r := range rs {
		key, err := x509.MarshalPKCS8PrivateKey(r.key)
		if err != nil {
			return nil, err
		}
		pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: r.cert.Raw})
		pem.Encode(&text, &pem.Block{Type: "PRIVATE KEY", Bytes: key})
	}
	return text.Bytes(), nil
}

// parseRoots reads what marshal wrote.
func parseRoots(text []byte) (roots, error) {
	var rs roots
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("a root without its key")
		}
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		key, ok := parsed.(*ecdsa.PrivateKey)
		if !ok || !cert.IsCA || !key.PublicKey.Equal(cert.PublicKey) {
			return nil, errors.New("a key that is not its root's")
		}
		rs, text = append(rs, root{cert, key}), rest
	}
	if len(rs) == 0 {
		return nil, errors.New("no root in PEM")
	}
	if _, err := rs.domain(); err != nil {
		return nil, err
	}
	return rs, nil
}

// certificatesPEM writes certificates for others to read.
func certificatesPEM(certs []*x509.Certificate) []byte {
	var text bytes.Buffer
	for _, c := range certs {
		pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return text.Bytes()
}
