package identity

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"google.golang.org/grpc/credentials"
)

// AuthInfo is what a connection knows of its peer. It is made once, at the
// handshake.
type AuthInfo struct {
	credentials.TLSInfo
	// Identity is the name of the peer, as Name says it.
	Identity string
}

// Dropped is the error of a handshake by which the peer proved its name, and
// after which it was let go none the less. Of all others the peer proved nothing:
// chains are looked at before the signature that proves that a key is held.
type Dropped struct{ Identity, Why string }

// Error implements error.
func (d *Dropped) Error() string { return "identity: " + d.Identity + ": " + d.Why }

// ServerCredentials let in only whom the source believes.
func ServerCredentials(s *Source) credentials.TransportCredentials {
	return &transport{source: s, server: s.ServerTLS(tls.RequireAndVerifyClientCert, "h2")}
}

// ClientCredentials show the source's certificate, and believe only a server
// whose name matches, as ClientTLS says.
func ClientCredentials(s *Source, server string) credentials.TransportCredentials {
	return &transport{source: s, want: server}
}

type transport struct {
	source *Source
	server *tls.Config // nil for a client
	want   string
}

func (t *transport) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if t.server == nil {
		return nil, nil, errors.New("identity: a client's credentials serve nothing")
	}
	conn := tls.Server(raw, t.server)
	return finish(conn, conn.Handshake()) // gRPC has set a deadline
}

func (t *transport) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host = authority
	}
	conn := tls.Client(raw, t.source.ClientTLS(t.want, host, "h2"))
	return finish(conn, conn.HandshakeContext(ctx))
}

// finish ends a handshake with what is known of the peer.
func finish(conn *tls.Conn, err error) (net.Conn, credentials.AuthInfo, error) {
	state := conn.ConnectionState()
	name := ""
	if err == nil {
		name, err = Name(state.PeerCertificates[0])
	}
	if err == nil && state.NegotiatedProtocol != "h2" {
		err = &Dropped{Identity: name, Why: "the peer does not speak HTTP/2 (no h2 by ALPN)"}
	}
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	info := &AuthInfo{Identity: name}
	info.State, info.SecurityLevel = state, credentials.PrivacyAndIntegrity
	return conn, info, nil
}

func (t *transport) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

func (t *transport) Clone() credentials.TransportCredentials { return t } // it never changes

func (t *transport) OverrideServerName(string) error {
	return errors.New("identity: a server is known by its identity; give that")
}
