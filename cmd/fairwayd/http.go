package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	apihttp "github.com/fairway-mesh/fairway/api/http"
)

// httpOptions are the flags of the API over HTTP.
type httpOptions struct {
	http string
}

func (o *httpOptions) flags(fs *flag.FlagSet) {
	fs.StringVar(&o.http, "http", "", "`address` of the same API over HTTP in JSON, for proxies that speak no gRPC; default: none")
}

// serveJSON serves the API over HTTP where an address is given, until ctx ends.
// An error ends the group. The watches of the API have to be closed for it to
// stop gracefully.
func (d *daemon) serveJSON(ctx context.Context, g *errgroup.Group, stdout io.Writer) {
	if d.http == "" {
		return
	}
	l, handler, err := d.listenJSON()
	if err != nil {
		g.Go(func() error { return err })
		return
	}
	fmt.Fprintln(stdout, "http", l.Addr())
	d.secure.say("http", l.Addr())
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: d.secure.trouble(),
	}
	g.Go(func() error {
		if err := server.Serve(d.secure.json(netutil.LimitListener(l, maxConnections))); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if server.Shutdown(ctx) != nil { // somebody reports for as long as we live
			return server.Close()
		}
		return nil
	})
}

func (d *daemon) listenJSON() (net.Listener, http.Handler, error) {
	handler, err := apihttp.New(d.api, d.calls, d.secure.guard, apihttp.DefaultConfig())
	if err != nil {
		return nil, nil, err
	}
	d.mountProxies(handler)
	listeners, err := listen(address{"http", d.http})
	if err != nil {
		return nil, nil, err
	}
	if err := d.secure.fits(listeners); err != nil {
		return nil, nil, err
	}
	return listeners[0], handler, nil
}

// json is how the API over HTTP is protected: as gRPC is.
func (s *security) json(l net.Listener) net.Listener {
	if s.source == nil || !s.asked() && !beyondAddr(l.Addr()) {
		return l
	}
	return tls.NewListener(l, s.source.ServerTLS(tls.RequireAndVerifyClientCert, "h2", "http/1.1"))
}
