package identity_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api/identity"
)

// TestStrangers get nothing, not even health.
func TestStrangers(t *testing.T) {
	c := newClock()
	cfg := c.config()
	cfg.State = t.TempDir()
	daemon := open(t, cfg)
	address, _ := serve(t, identity.ServerCredentials(daemon))
	roots := x509.NewCertPool()
	roots.AddCert(daemon.Held().Roots[0])
	stranger := newPKI(t)
	show := func(certs ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: roots, ServerName: "x", InsecureSkipVerify: true, Time: c.now, Certificates: certs,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(certs) == 0 {
					return &tls.Certificate{}, nil
				}
				return &certs[0], nil
			}}
	}
	leaf := func(p *pki, name string, from, until time.Time) tls.Certificate {
		cert, key := p.leaf(name, from, until)
		return tls.Certificate{Certificate: [][]byte{cert.Raw, p.cert.Raw}, PrivateKey: key}
	}
	good := *daemon.Held().Certificate
	if err := check(t, dial(t, address, credentials.NewTLS(show(good)))); err != nil {
		t.Fatalf("who is known: %v", err) // else the refusals below would prove nothing
	}
	old := show(good)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS12
	for what, creds := range map[string]credentials.TransportCredentials{
		"plaintext":             insecure.NewCredentials(),
		"no certificate":        credentials.NewTLS(show()),
		"another authority's":   credentials.NewTLS(show(leaf(stranger, "spiffe://fairway.local/proxy", noon.Add(-time.Hour), noon.Add(time.Hour)))),
		"the authority's own":   credentials.NewTLS(show(tls.Certificate{Certificate: [][]byte{stranger.cert.Raw}, PrivateKey: stranger.key})),
		"TLS 1.0 to 1.2":        credentials.NewTLS(old),
		"a stolen leaf, no key": credentials.NewTLS(show(tls.Certificate{Certificate: good.Certificate, PrivateKey: stranger.key})),
	} {
		refused(t, dial(t, address, creds), what)
	}
	c.set(noon.Add(25 * time.Hour))
	refused(t, dial(t, address, credentials.NewTLS(show(good))), "an expired certificate")
	c.set(noon.Add(-time.Hour))
	refused(t, dial(t, address, credentials.NewTLS(show(good))), "one that is not yet valid")
}

// TestStrangersOfOneAuthority: the operator's authority vouches for more than
// the trust domain; and a daemon believes no server of another name.
func TestStrangersOfOneAuthority(t *testing.T) {
	c, p := newClock(), newPKI(t)
	side := func(name string) *identity.Source {
		cfg := p.folder(t.TempDir(), name, noon.Add(-time.Hour), noon.Add(time.Hour))
		cfg.Clock = c.now
		return open(t, cfg)
	}
	daemon := side("spiffe://a.example/fairwayd")
	address, _ := serve(t, identity.ServerCredentials(daemon))
	if err := check(t, dial(t, address, identity.ClientCredentials(side("spiffe://a.example/proxy"), ""))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"spiffe://b.example/proxy", "spiffe://a.example.evil/proxy", "dns.example", ""} {
		refused(t, dial(t, address, identity.ClientCredentials(side(name), "spiffe://a.example/fairwayd")), "a client called "+name)
	}
	other, _ := serve(t, identity.ServerCredentials(side("spiffe://a.example/proxy")))
	refused(t, dial(t, other, identity.ClientCredentials(side("spiffe://a.example/proxy"), "")), "a proxy that plays the daemon")
	plain := side("somewhere.example") // no SPIFFE ID: known by its address, which its certificate has
	address, _ = serve(t, identity.ServerCredentials(plain))
	if err := check(t, dial(t, address, identity.ClientCredentials(side(""), ""))); err != nil {
		t.Error(err)
	}
}

// TestTLS12WhereAsked: an operator with old clients can let them in.
func TestTLS12WhereAsked(t *testing.T) {
	c := newClock()
	cfg := c.config()
	cfg.State, cfg.TLS12 = t.TempDir(), true
	daemon := open(t, cfg)
	address, _ := serve(t, identity.ServerCredentials(daemon))
	old := daemon.ClientTLS("", "x", "h2")
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true} {
		old.MinVersion, old.MaxVersion = tls.VersionTLS10, version
		if err := check(t, dial(t, address, credentials.NewTLS(old))); (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// TestNoHTTP2: a peer that does not say it speaks HTTP/2 is let go.
func TestNoHTTP2(t *testing.T) {
	c := newClock()
	cfg := c.config()
	cfg.State = t.TempDir()
	daemon := open(t, cfg)
	address, _ := serve(t, identity.ServerCredentials(daemon))
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(20 * time.Second))
	conn := tls.Client(raw, daemon.ClientTLS("", "x"))
	if err := conn.Handshake(); err != nil {
		return
	}
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection went on: %v", err)
	}
}
