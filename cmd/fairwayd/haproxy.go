package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/identity/threat"
	"github.com/fairway-mesh/fairway/api/proxy/haproxy"
)

// haproxyOptions are the flags of what HAProxy is told; --haproxy-agent is an address
// beside those of the API.
type haproxyOptions struct {
	haproxySPOE    string
	haproxySockets sockets
	haproxyRestore bool
}

func (o *haproxyOptions) flags(fs *flag.FlagSet) {
	fs.StringVar(&o.haproxySPOE, "haproxy-spoe", "", "`address` of the agent that HAProxy's SPOE asks for each request; default: none")
	fs.Var(&o.haproxySockets, "haproxy-runtime", "`SOCKET=SERVICE`[@BACKEND][,…] of a HAProxy whose weights are set by its Runtime API, such as unix:/run/haproxy.sock=checkout; again for each further HAProxy, or several with spaces between")
	fs.BoolVar(&o.haproxyRestore, "haproxy-restore", false, "set the weights at --haproxy-runtime to 100% when the daemon is stopped; otherwise the last ones stay")
}

func (o *haproxyOptions) check() error {
	if o.haproxyRestore && len(o.haproxySockets) == 0 {
		return usage("--haproxy-restore needs --haproxy-runtime, whose weights it sets")
	}
	return nil
}

// sockets is a flag that may be given several times.
type sockets []haproxy.Socket

func (s *sockets) String() string {
	var all []string
	for _, one := range *s {
		var backends []string
		for _, b := range one.Backends {
			if b.Name != b.Service {
				backends = append(backends, b.Service+"@"+b.Name)
			} else {
				backends = append(backends, b.Name)
			}
		}
		all = append(all, one.Address+"="+strings.Join(backends, ","))
	}
	return strings.Join(all, " ")
}

func (s *sockets) Set(text string) error {
	for _, one := range strings.Fields(text) {
		socket, err := haproxy.ParseSocket(one)
		if err != nil {
			return err
		}
		for _, other := range *s {
			if other.Address == socket.Address {
				return fmt.Errorf("%s is named twice; name all its services at once", socket.Address)
			}
		}
		*s = append(*s, socket)
	}
	return nil
}

// serveHAProxy tells HAProxy what the table says, until ctx ends. An error ends the
// group.
func (d *daemon) serveHAProxy(ctx context.Context, g *errgroup.Group, check net.Listener, stdout io.Writer) error {
	table := d.loop.Table()
	if check != nil {
		g.Go(func() error { return haproxy.Serve(ctx, check, table, d.proxies) })
	}
	if len(d.haproxySockets) > 0 {
		cfg := haproxy.DefaultRuntimeConfig()
		cfg.Restore = d.haproxyRestore
		runtime, err := haproxy.NewRuntime(table, d.proxies, d.reg, d.log, cfg)
		if err != nil {
			return err
		}
		for _, s := range d.haproxySockets {
			g.Go(func() error { runtime.Keep(ctx, s); return nil })
		}
	}
	if d.haproxySPOE == "" {
		return nil
	}
	cfg := haproxy.DefaultSPOEConfig()
	cfg.Seed, cfg.Journal, cfg.Grants = rand.Uint64(), d.journal, d.secure.asks
	spoe, err := haproxy.NewSPOE(table, d.proxies, d.reg, cfg)
	if err != nil {
		return err
	}
	listeners, err := listen(address{"haproxy-spoe", d.haproxySPOE})
	if err != nil {
		return err
	}
	if err := d.secure.fits(listeners); err != nil {
		return fmt.Errorf("--haproxy-spoe: %w", err)
	}
	fmt.Fprintln(stdout, "haproxy-spoe", listeners[0].Addr())
	d.secure.say("haproxy-spoe", listeners[0].Addr())
	g.Go(func() error { return spoe.Serve(ctx, d.secure.spoe(listeners[0])) })
	if ends := d.ends(listeners[0].Addr()); ends != nil {
		g.Go(func() error { return spoe.ServeEnds(ctx, ends) })
	}
	return nil
}

// ends is where HAProxy's log tells the ends of requests: datagrams at the address of
// the agent, on the loopback alone, since nobody proves there who he is. Without it
// endpoints are drawn by weight.
func (d *daemon) ends(spoe net.Addr) net.PacketConn {
	if at, ok := spoe.(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		return nil
	}
	conn, err := net.ListenPacket("udp", spoe.String())
	if err != nil {
		d.log.Warn("the ends of requests cannot be heard: --haproxy-spoe chooses by weight alone", "error", err)
		return nil
	}
	return conn
}

// asks is which services whoever opened a connection may ask about: those that he may
// ask Decide about, as often as limits let him, where a certificate says who he is, else
// all.
func (s *security) asks(conn net.Conn) func(service string) bool {
	secured, ok := conn.(watched)
	if !ok {
		return nil
	}
	state := secured.ConnectionState()
	return s.guard.Asks(&state, conn.RemoteAddr().String(), fairwayv1.Router_Decide_FullMethodName)
}

// spoe is how questions of HAProxy are protected, which hold what requests say: beyond
// this machine by mutual TLS ("server … ssl crt … ca-file …" in HAProxy's backend).
func (s *security) spoe(l net.Listener) net.Listener {
	if s.source == nil || !beyondAddr(l.Addr()) {
		return l
	}
	return watching{tls.NewListener(l, s.source.ServerTLS(tls.RequireAndVerifyClientCert)), s.guard.Judge()}
}

// watching has handshakes that fail counted as strangers'.
type watching struct {
	net.Listener
	judge *threat.Judge
}

func (l watching) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return watched{conn.(*tls.Conn), l.judge}, nil
}

type watched struct {
	*tls.Conn
	judge *threat.Judge
}

// Read makes the handshake, where it is the first.
func (c watched) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !c.ConnectionState().HandshakeComplete {
		c.judge.Stranger(err)
	}
	return n, err
}
