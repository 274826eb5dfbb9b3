package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/fairway-mesh/fairway/mesh/durable"
)

// own is the origin whose certificates the process issues to itself.
type own struct{ cfg Config }

// load issues a certificate when two thirds of the last one's life have passed,
// the clock has jumped out of it, or the roots have changed.
func (o *own) load(now time.Time, last *Held) (*Held, error) {
	a := authorityOf(o.cfg)
	a.kept = last != nil
	rs, digest, err := a.roots(now)
	if err != nil {
		return nil, err
	}
	if last != nil && last.digest == digest && last.valid(now) && now.Before(last.RenewAt) {
		return last, nil
	}
	domain, err := rs.domain()
	if err != nil {
		return nil, err
	}
	id, err := spiffeid.FromPath(domain, o.cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	cert, err := rs.issue(now, id, o.cfg.Life, o.cfg.Hosts)
	if err != nil {
		return nil, err
	}
	h, err := held(cert, rs.certificates(), digest)
	if err == nil {
		h.RenewAt = now.Add(cert.Leaf.NotAfter.Sub(now) * 2 / 3)
	}
	return h, err
}

func (*own) updated() <-chan struct{} { return nil }
func (*own) close() error             { return nil }

// issue signs a certificate for id with a new key.
func (rs roots) issue(now time.Time, id spiffeid.ID, life time.Duration, hosts []string) (*tls.Certificate, error) {
	signer, err := rs.signer(now)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(), URIs: []*url.URL{id.URL()}, BasicConstraintsValid: true,
		NotBefore: now.Add(-skew), NotAfter: now.Add(life), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if template.NotAfter.After(signer.cert.NotAfter) {
		template.NotAfter = signer.cert.NotAfter
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.cert, key.Public(), signer.key)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// Issued is a certificate that a command issued to another process.
type Issued struct {
	Identity string    `json:"identity"`
	Serial   string    `json:"serial"`
	At       time.Time `json:"at"`
	Until    time.Time `json:"until"`
}

// Issue writes a certificate for id, its key and the roots into the folder out,
// which it makes where there is none, and notes it.
func (a *Authority) Issue(now time.Time, id, out string, life time.Duration, hosts []string) (Issued, error) {
	parsed, err := spiffeid.FromString(id)
	if err != nil || parsed.Path() == "" {
		return Issued{}, fmt.Errorf("identity: %q is no identity: want spiffe://TRUST-DOMAIN/PATH", id)
	}
	rs, _, err := a.roots(now)
	if err != nil {
		return Issued{}, err
	}
	domain, err := rs.domain()
	if err != nil {
		return Issued{}, err
	}
	if !parsed.MemberOf(domain) {
		return Issued{}, fmt.Errorf("identity: %s is not of the authority's trust domain %s", id, domain.Name())
	}
	cert, err := rs.issue(now, parsed, life, hosts)
	if err != nil {
		return Issued{}, err
	}
	if err := writeFolder(out, cert, rs.certificates()); err != nil {
		return Issued{}, fmt.Errorf("identity: %w", err)
	}
	issued := Issued{Identity: id, Serial: cert.Leaf.SerialNumber.Text(16), At: now.UTC(), Until: cert.Leaf.NotAfter}
	return issued, a.note(now, issued)
}

// writeFolder replaces the files one by one: who reads them in between finds a
// pair that does not match, keeps the old, and looks again.
func writeFolder(out string, cert *tls.Certificate, trust []*x509.Certificate) error {
	if err := os.MkdirAll(out, 0o700); err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return err
	}
	return errors.Join(
		durable.WriteText(filepath.Join(out, TrustFile), 0o644, certificatesPEM(trust)),
		durable.WriteText(filepath.Join(out, KeyFile), 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		durable.WriteText(filepath.Join(out, CertFile), 0o644, certificatesPEM([]*x509.Certificate{cert.Leaf})))
}

// Trust are the roots, in PEM, that others must believe.
func (a *Authority) Trust(now time.Time) ([]byte, error) {
	rs, _, err := a.roots(now)
	if err != nil {
		return nil, err
	}
	return certificatesPEM(rs.certificates()), nil
}

// Roots are the certificates that are believed, oldest first.
func (a *Authority) Roots(now time.Time) ([]*x509.Certificate, error) {
	rs, _, err := a.roots(now)
	return rs.certificates(), err
}

// note adds to the list of what was issued, and drops what has expired.
func (a *Authority) note(now time.Time, issued Issued) error {
	unlock, err := lock(a.path(lockFile), patience)
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	defer unlock()
	list, err := a.Issued(now)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	for _, i := range append(list, issued) {
		if err := lines.Encode(i); err != nil {
			return fmt.Errorf("identity: %w", err)
		}
	}
	return durable.WriteText(a.path(issuedFile), 0o600, text.Bytes())
}

// Issued lists what commands issued and has not expired, oldest first. What the
// daemon issues to itself is not among it: that is on no disk.
func (a *Authority) Issued(now time.Time) ([]Issued, error) {
	path := a.path(issuedFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	var list []Issued
	for lines := json.NewDecoder(bytes.NewReader(text)); lines.More(); {
		var i Issued
		if err := lines.Decode(&i); err != nil {
			return nil, fmt.Errorf("identity: %s: %w; move it away, it is only a list", path, err)
		}
		if now.Before(i.Until) {
			list = append(list, i)
		}
	}
	return list, nil
}
