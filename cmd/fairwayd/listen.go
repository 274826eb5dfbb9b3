package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// listen opens the addresses; an empty one is left nil.
func listen(addresses ...string) ([]net.Listener, error) {
	listeners := make([]net.Listener, len(addresses))
	for i, address := range addresses {
		if address == "" {
			continue
		}
		l, err := net.Listen("tcp", address)
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

func serveGRPC(ctx context.Context, g *errgroup.Group, d *daemon, l net.Listener) {
	server := grpc.NewServer(append(d.secure.options(l),
		grpc.ChainUnaryInterceptor(d.calls.Unary, d.secure.guard.Unary), grpc.ChainStreamInterceptor(d.calls.Stream, d.secure.guard.Stream))...)
	d.api.Register(server)
	g.Go(func() error { return server.Serve(l) })
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
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
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
