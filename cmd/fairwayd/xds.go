package main

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"

	"github.com/fairway-mesh/fairway/api/proxy/extproc"
	"github.com/fairway-mesh/fairway/api/proxy/xds"
)

// protocols are those of others that the gRPC listener speaks: xDS, and Envoy's
// external processor. Nothing needs to be set.
type protocols struct {
	xds     *xds.Server
	extproc *extproc.Server
}

// openProtocols wants the API and its guard.
func (d *daemon) openProtocols() (err error) {
	cfg := xds.DefaultConfig()
	cfg.May, cfg.Metrics, cfg.Log = d.secure.guard.May, d.proxies, d.log
	cfg.Awaits = d.awaitsMetrics
	cfg.Board = func() xds.Teller { return d.api.Teller() }
	if d.protocols.xds, err = xds.New(d.loop.Table(), cfg); err != nil {
		return fmt.Errorf("xds: %w", err)
	}
	d.reg.MustRegister(d.protocols.xds)
	d.protocols.extproc = extproc.New(d.loop.Table(), d.api, extproc.Config{May: d.secure.guard.May, Metrics: d.proxies, Clock: time.Now})
	return nil
}

// awaitsMetrics reports whether somebody named a source of metrics and the table holds
// nothing of it yet, be it from before a restart.
func (d *daemon) awaitsMetrics() bool {
	if d.guessed || d.prometheus == "" && d.recording == "" {
		return false
	}
	look := d.loop.Table().Look()
	return !slices.ContainsFunc(look.Services(), func(service string) bool { f := look.Load(service).Frame; return f != nil && !f.End.IsZero() })
}

func (p *protocols) register(g *grpc.Server) {
	p.xds.Register(g)
	p.extproc.Register(g)
}

// close ends the streams that would last, so that the server can stop gracefully.
func (p *protocols) close() {
	p.xds.Close()
	p.extproc.Close()
}
