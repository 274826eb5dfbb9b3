package main

import (
	"fmt"
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
	cfg.Board = func() xds.Teller { return d.api.Teller() }
	if d.protocols.xds, err = xds.New(d.loop.Table(), cfg); err != nil {
		return fmt.Errorf("xds: %w", err)
	}
	d.reg.MustRegister(d.protocols.xds)
	d.protocols.extproc = extproc.New(d.loop.Table(), d.api, extproc.Config{May: d.secure.guard.May, Metrics: d.proxies, Clock: time.Now})
	return nil
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
