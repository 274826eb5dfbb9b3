package main

import (
	"context"
	"errors"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/fairway-mesh/fairway/api"
)

// listen opens the addresses; an empty one is left nil.
func listen(addresses ...string) ([]net.Listener, error) {
	listeners := make([]net.Listener, len(addresses))
	for i, address := range addresses {
		if address == "" {
			continue
		}
		l, err := open(address)
		if err != nil {
			for _, open := range listeners[:i] {
				if open != nil {
					open.Close()
				}
			}
			return nil, err
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
	if d.given("admin") {
		return listen(d.listen, d.admin, d.haproxyAgent)
	}
	listeners, err := listen(d.listen, "", d.haproxyAgent)
	if err != nil {
		return nil, err
	}
	admin, err := listen(d.admin)
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
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, grpc.ErrServerStopped) { // before it began
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		d.api.Close()
		late := time.AfterFunc(drain, server.Stop)
		defer late.Stop()
		server.GracefulStop()
		return nil
	})
}

func serveHTTP(ctx context.Context, g *errgroup.Group, mux http.Handler, l net.Listener) {
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: stdlog.New(io.Discard, "", 0), // of handshakes, which anybody can fail at
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
