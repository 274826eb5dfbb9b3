package kubetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Who may come, by tokens.
const (
	// Admin may everything.
	Admin = "admin-token"
	// Daemon is fairwayd's service account: what a role that is bound to it lets.
	Daemon = "daemon-token"
)

// certify writes a certificate that is its own authority, and the tokens.
func (s *Server) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	is := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubetest"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, is, is, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: cert}); err != nil {
		return err
	}
	s.authority = x509.NewCertPool()
	s.authority.AppendCertsFromPEM(text.Bytes())
	for name, content := range map[string][]byte{
		"cert": text.Bytes(),
		"key":  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}),
		"tokens": []byte(Admin + `,admin,1,"system:masters"` + "\n" +
			Daemon + `,system:serviceaccount:fairway:fairwayd,2,"system:serviceaccounts,system:serviceaccounts:fairway"` + "\n"),
	} {
		if err := os.WriteFile(filepath.Join(s.directory, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// URL is where the API server answers.
func (s *Server) URL() string { return fmt.Sprintf("https://127.0.0.1:%d", s.port) }

// Kubeconfig writes a file by which whoever has a token comes in, and returns its path.
func (s *Server) Kubeconfig(t testing.TB, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: t, contexts: [{name: t, context: {cluster: t, user: t}}],
clusters: [{name: t, cluster: {server: %q, certificate-authority: %q}}], users: [{name: t, user: {token: %q}}]}
`, s.URL(), filepath.Join(s.directory, "cert"), token)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
