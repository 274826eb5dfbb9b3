package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// ServerTLS is a configuration of a server that asks the source at each
// handshake. clients says whether they must show a certificate: what they show
// is verified in any case, and must be of the own trust domain where the own
// name is of one.
func (s *Source) ServerTLS(clients tls.ClientAuthType, protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion: s.minVersion(), NextProtos: protocols,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			h := s.valid()
			return &tls.Config{
				Time: s.cfg.Clock, MinVersion: s.minVersion(), NextProtos: protocols, Certificates: []tls.Certificate{*h.Certificate},
				ClientAuth: clients, ClientCAs: h.pool, VerifyConnection: h.verifyClient,
				SessionTicketsDisabled: true, // a resumed session would skip what has changed since
			}, nil
		},
	}
}

func (s *Source) minVersion() uint16 {
	if s.cfg.TLS12 {
		return tls.VersionTLS12
	}
	return tls.VersionTLS13
}

// verifyClient judges a client whose chain was found good.
func (h *Held) verifyClient(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil // only where clients need show none
	}
	if len(state.VerifiedChains) == 0 {
		return errors.New("identity: the client's certificate was not verified")
	}
	name, err := Name(state.PeerCertificates[0])
	if err != nil {
		return err
	}
	if !h.domain.IsZero() && !member(name, h.domain) {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: fmt.Errorf("identity: %s is not of trust domain %s", name, h.domain.Name())}
	}
	return nil
}

// ClientTLS is a configuration for one connection to a server whose name must
// match server, as Match says. An empty one means the daemon of the own trust
// domain or, where the own name is no SPIFFE ID, whoever has a certificate for
// host.
func (s *Source) ClientTLS(server, host string, protocols ...string) *tls.Config {
	h := s.valid()
	if server == "" && !h.domain.IsZero() {
		server = h.domain.IDString() + DaemonPath
	}
	cfg := &tls.Config{
		Time: s.cfg.Clock, MinVersion: s.minVersion(), NextProtos: protocols, ServerName: host, RootCAs: h.pool,
		// Not Certificates, which are held back when the server does not name
		// their root: a root that it has not heard of yet.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return h.Certificate, nil },
	}
	if server != "" { // the name is in the URI, which crypto/tls does not look at
		cfg.InsecureSkipVerify = true
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return s.verifyServer(h, server, state) }
	}
	return cfg
}

func (s *Source) verifyServer(h *Held, server string, state tls.ConnectionState) error {
	certs := state.PeerCertificates
	options := x509.VerifyOptions{Roots: h.pool, CurrentTime: s.cfg.Clock(), Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, c := range certs[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := certs[0].Verify(options); err != nil {
		return fmt.Errorf("identity: the server's certificate: %w", err)
	}
	name, err := Name(certs[0])
	if err != nil {
		return err
	}
	if !Match(server, name) {
		return fmt.Errorf("identity: the server is %s; want %s", name, server)
	}
	return nil
}
