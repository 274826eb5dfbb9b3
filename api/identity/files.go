package identity

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"
)

// files are the operator's: chain, key, roots.
type files [3]string

// load reads all three, since any may have changed, and takes them only
// together: a certificate without its key is one that is being replaced.
func (f files) load(now time.Time, last *Held) (*Held, error) {
	var text [3][]byte
	sum := sha256.New()
	for i, path := range f {
		var err error
		if text[i], err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("identity: %w", err)
		}
		fmt.Fprintf(sum, "%d\n%s", len(text[i]), text[i])
	}
	digest := string(sum.Sum(nil))
	if last != nil && last.digest == digest {
		return last, nil
	}
	cert, err := tls.X509KeyPair(text[0], text[1])
	if err != nil {
		return nil, fmt.Errorf("identity: %s and %s: %w", f[0], f[1], err)
	}
	if !now.Before(cert.Leaf.NotAfter) {
		return nil, fmt.Errorf("identity: %s has expired at %s", f[0], cert.Leaf.NotAfter.Format(time.RFC3339))
	}
	roots, err := ParseCertificates(text[2])
	if err != nil {
		return nil, fmt.Errorf("identity: %s: %w", f[2], err)
	}
	h, err := held(&cert, roots, digest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f[0], err)
	}
	return h, nil
}

func (files) updated() <-chan struct{} { return nil }
func (files) close() error             { return nil }

// ParseCertificates reads PEM that holds certificates, at least one, and nothing
// else.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for len(text) > 0 {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if text = rest; block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a %s among certificates", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errors.New("no certificate in PEM")
	}
	return certs, nil
}
