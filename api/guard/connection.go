package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/fairway-mesh/fairway/api/identity"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// Peer is the AuthInfo of a connection that a guard let in.
type Peer struct {
	credentials.CommonAuthInfo
	Identity string
	// Life is how long the certificate is valid in all; 0 without one.
	Life   time.Duration
	caller *caller
}

// AuthType implements credentials.AuthInfo.
func (*Peer) AuthType() string { return "fairway" }

// Options are what a gRPC server needs so that this guard stands before it, apart
// from its interceptors. creds are those of identity, or of plaintext.
func (g *Guard) Options(creds credentials.TransportCredentials) []grpc.ServerOption {
	l := &g.limits
	return []grpc.ServerOption{
		grpc.Creds(&guarded{creds, g}),
		grpc.MaxRecvMsgSize(l.MessageBytes), grpc.MaxHeaderListSize(uint32(l.HeaderBytes)), grpc.MaxConcurrentStreams(uint32(l.Streams)),
		grpc.ConnectionTimeout(l.HandshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: l.IdleTimeout, MaxConnectionAge: l.MaxAge, MaxConnectionAgeGrace: l.MaxAgeGrace, Time: l.Ping, Timeout: l.PingTimeout,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: l.MinPing, PermitWithoutStream: true}),
	}
}

// guarded are credentials that find the caller, and count connections.
type guarded struct {
	credentials.TransportCredentials
	guard *Guard
}

func (t *guarded) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	g := t.guard
	defer g.handshakes.Add(-1)
	if g.handshakes.Add(1) > int64(g.limits.Handshakes) {
		g.judge.Crowded()
		return g.turnAway(raw, manyHandshakes, errors.New("guard: too many handshakes at once"))
	}
	conn, info, err := t.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		g.failed(err)
		return g.turnAway(raw, badHandshake, err)
	}
	p := &Peer{}
	switch known := info.(type) {
	case *identity.AuthInfo:
		p.Identity, p.CommonAuthInfo, p.Life = known.Identity, known.CommonAuthInfo, life(&known.State)
	default:
		p.Identity = plaintext(raw.RemoteAddr().String())
		p.SecurityLevel = credentials.NoSecurity
	}
	p.caller = g.caller(p.Identity)
	counted := &connection{Conn: conn, guard: g, caller: p.caller}
	all, own := g.connections.Add(1), p.caller.connections.Add(1)
	if own > int64(g.limits.Connections) {
		p.caller.subject.Load().Exceeded(threat.Connections)
	}
	if all > int64(g.limits.AllConnections) || own > int64(g.limits.Connections) {
		return g.turnAway(counted, manyConnections, fmt.Errorf("guard: %s is the %d. connection, the %d. of %s", raw.RemoteAddr(), all, own, p.Identity))
	}
	return counted, p, nil
}

// failed attributes a handshake: to who proved its name, or else to strangers,
// whatever name they claim.
func (g *Guard) failed(err error) {
	if dropped := (*identity.Dropped)(nil); errors.As(err, &dropped) {
		g.caller(dropped.Identity).subject.Load().Failed()
		return
	}
	g.judge.Stranger(err)
}

// life is how long the peer's certificate is valid in all.
func life(state *tls.ConnectionState) time.Duration {
	if len(state.PeerCertificates) == 0 {
		return 0
	}
	return state.PeerCertificates[0].NotAfter.Sub(state.PeerCertificates[0].NotBefore)
}

func (g *Guard) turnAway(conn net.Conn, reason string, err error) (net.Conn, credentials.AuthInfo, error) {
	g.refused[reason].Inc()
	conn.Close()
	return nil, nil, err
}

func (t *guarded) Clone() credentials.TransportCredentials {
	return &guarded{t.TransportCredentials.Clone(), t.guard}
}

func (t *guarded) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("guard: credentials of a server")
}

// connection is counted until it is closed.
type connection struct {
	net.Conn
	guard  *Guard
	caller *caller
	once   sync.Once
}

func (c *connection) Close() error {
	c.once.Do(func() {
		c.guard.connections.Add(-1)
		c.caller.connections.Add(-1)
	})
	return c.Conn.Close()
}

// plaintext is who calls without TLS: this machine, by the loopback or a Unix
// socket, whose ends have no port, or anybody.
func plaintext(remote string) string {
	if _, _, err := net.SplitHostPort(remote); err != nil {
		return Local
	}
	if at, err := netip.ParseAddrPort(remote); err == nil && at.Addr().Unmap().IsLoopback() {
		return Local
	}
	return Anonymous
}
