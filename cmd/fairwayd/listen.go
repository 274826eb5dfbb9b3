package main

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/fairway-mesh/fairway/api"
)

// address is where a flag has us listen.
type address struct{ flag, at string }

func (o *options) addresses() []address {
	return []address{{"listen", o.listen}, {"admin", o.admin}, {"haproxy-agent", o.haproxyAgent}, {"http", o.http}, {"haproxy-spoe", o.haproxySPOE}}
}

// checkAddresses refuses what can be no address here, and one that is used
// twice. Whether it is free, listening tells.
func (o *options) checkAddresses() error {
	if o.listen == "" {
		return usage("--listen is empty; want host:port, or unix:PATH")
	}
	first := map[string]string{}
	for _, a := range o.addresses() {
		if a.at == "" {
			continue
		}
		if err := a.check(); err != nil {
			return usage(fmt.Sprintf("--%s is %q; want host:port, or unix:PATH: %v", a.flag, a.at, err))
		}
		if other, twice := first[a.at]; twice && !strings.HasSuffix(a.at, ":0") {
			if other == "listen" && a.flag == "admin" && !o.given("admin") {
				continue // then there is no admin port
			}
			return usage(fmt.Sprintf("--%s and --%s are both %s; each needs an address of its own", other, a.flag, a.at))
		}
		first[a.at] = a.flag
	}
	return nil
}

func (a address) check() error {
	if path, local := strings.CutPrefix(a.at, "unix:"); local {
		if path == "" {
			return errors.New("no path")
		}
		return nil
	}
	_, port, err := net.SplitHostPort(a.at)
	if err != nil {
		return err
	}
	_, err = net.LookupPort("tcp", port)
	return err
}

// listen opens the addresses; an empty one is left nil.
func listen(addresses ...address) ([]net.Listener, error) {
	listeners := make([]net.Listener, len(addresses))
	for i, address := range addresses {
		if address.at == "" {
			continue
		}
		l, err := open(address.at)
		if err != nil {
			for _, open := range listeners[:i] {
				if open != nil {
					open.Close()
				}
			}
			return nil, fmt.Errorf("--%s: %w", address.flag, err)
		}
		listeners[i] = l
	}
	return listeners, nil
}

// open listens at host:port, or at unix:PATH.
func open(address string) (net.Listener, error) {
	if path, local := strings.CutPrefix(address, "unix:"); local {
		return listenUnix(path)
	}
	return net.Listen("tcp", address)
}

// listeners opens the addresses of the API, the admin port and the agent. An
// admin port that nobody asked for may be in use: then there is none.
func (d *daemon) listeners() ([]net.Listener, error) {
	all := d.addresses()
	if d.given("admin") {
		return listen(all[:3]...)
	}
	listeners, err := listen(all[0], address{}, all[2])
	if err != nil {
		return nil, err
	}
	admin, err := listen(all[1])
	if err != nil {
		d.log.Warn("no admin port; --admin ADDRESS chooses another", "error", err)
		return listeners, nil
	}
	listeners[1] = admin[0]
	return listeners, nil
}

func serveGRPC(ctx context.Context, g *errgroup.Group, d *daemon, l net.Listener, more ...grpc.ServerOption) {
	options := append(append(d.secure.options(l), more...), api.ServerOptions()...)
	server := grpc.NewServer(append(options, grpc.InTapHandle(d.calls.Arrive),
		grpc.ChainUnaryInterceptor(d.calls.Unary, d.secure.guard.Unary), grpc.ChainStreamInterceptor(d.calls.Stream, d.secure.guard.Stream))...)
	d.api.Register(server)
	d.protocols.register(server)
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, grpc.ErrServerStopped) { // before it began
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		d.api.Close()
		d.protocols.close()
		late := time.AfterFunc(drain, server.Stop)
		defer late.Stop()
		server.GracefulStop()
		return nil
	})
}

// maxConnections bounds the open ones of an HTTP listener: each costs a goroutine and a
// file, whoever opens it. What comes beyond waits in the kernel's queue.
const maxConnections = 4096

func serveHTTP(ctx context.Context, g *errgroup.Group, mux http.Handler, l net.Listener, trouble *stdlog.Logger) {
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: trouble,
	}
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil { // a profile is still being taken
			return server.Close()
		}
		return nil
	})
}
