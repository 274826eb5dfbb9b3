package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/guard"
	"github.com/fairway-mesh/fairway/api/identity/threat"
	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/postgres"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/cache"
	"github.com/fairway-mesh/fairway/router/discovery/cache/redis"
	"github.com/fairway-mesh/fairway/router/journal"
	"github.com/fairway-mesh/fairway/router/loop"
)

// drain is how long calls may take to end once the daemon is asked to stop. Few
// take milliseconds; the rest is for streams on which the client is silent,
// which end only with their connection.
const drain = 2 * time.Second

// daemon is everything that the options name, read and put together.
type daemon struct {
	*options
	model, ruled loop.Change // to begin with
	modelFrom    loop.Origin // nil: none is named
	rulesFrom    loop.Origin
	memory       *loop.State
	watchers     map[string]model.Watcher      // by subject: who tells of changes
	databases    map[string]*postgres.Database // by URL
	journal      *journal.Journal              // nil: none is kept
	stored       *postgres.Log                 // of the journal; nil: it stays on disk
	cache        *cache.Cache                  // nil: none
	shared       *redis.Redis                  // of the cache; nil: none
	source       *source                       // nil while nobody knows yet what is polled
	polled       atomic.Pointer[string]        // of the servers that nobody named, the one that answered
	loop         *loop.Loop
	api          *api.Server
	calls        *api.Metrics
	proxies      *proxy.Metrics
	protocols    protocols
	directory    *discovery.Directory // nil: nothing is discovered
	secure       *security
	threats      *threat.Memory // nil: nothing is kept of what callers did
	reg          *prometheus.Registry
	log          *slog.Logger
	level        *slog.LevelVar // of log
}

// newDaemon reads what the options name, and refuses what is wrong with it. It
// listens nowhere yet.
func newDaemon(ctx context.Context, o *options, stderr io.Writer) (_ *daemon, err error) {
	d := &daemon{options: o, reg: prometheus.NewRegistry()}
	d.log, d.level = o.logger(stderr)
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	d.openState()
	if err = d.openCache(); err != nil {
		return nil, err
	}
	if err = d.openJournal(); err != nil {
		return nil, err
	}
	if d.ruled, err = d.openRules(ctx); err != nil {
		return nil, fmt.Errorf("--rules: %w", err)
	}
	if d.model, err = d.openModel(ctx); err != nil {
		return nil, fmt.Errorf("--model: %w", err)
	}
	if err = d.readSource(ctx); err != nil {
		return nil, err
	}
	if d.secure, err = newSecurity(ctx, o, d.reg, d.log); err != nil {
		return nil, err
	}
	d.openThreats()
	cfg := d.loopConfig()
	if err := cfg.Router.Validate(); err != nil {
		return nil, err
	}
	if d.loop, err = loop.New(cfg, d.model, d.ruled, d.reg); err != nil {
		return nil, fmt.Errorf("--model: %w", err)
	}
	d.restore(ctx)
	if err := d.openDiscovery(); err != nil {
		return nil, err
	}
	if d.source != nil {
		if err := d.expect(); err != nil {
			return nil, fmt.Errorf("--model: %w", err)
		}
	}
	if err := d.openLog(); err != nil {
		return nil, err
	}
	d.calls, d.proxies = api.NewMetrics(d.reg, time.Now), proxy.NewMetrics(d.reg)
	if d.calls.Log, err = api.NewAccessLog(d.reg, time.Now, o.filter()); err != nil {
		return nil, err
	}
	d.calls.Log.Who = guard.Identity
	d.reg.MustRegister(buildInfo(), api.TableMetrics(d.loop.Table()), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	served := api.DefaultConfig()
	served.Seed, served.Policy, served.Horizon = rand.Uint64(), d.loop.Policy(), d.loop.Horizon()
	served.Who, served.Journal = guard.Identity, d.journal
	if d.api, err = api.New(d.loop.Table(), d.calls, served); err != nil {
		return nil, err
	}
	return d, d.openProtocols()
}

func (d *daemon) loopConfig() loop.Config {
	cfg := router.DefaultConfig()
	cfg.HoldOut, cfg.StaleAfter, cfg.FirstVersion = d.holdOut, d.staleAfter, uint64(time.Now().UnixMilli())
	return loop.Config{
		Router: cfg,
		Policy: func(m *model.Model, p *predict.Predictor, cfg router.Config) router.Policy {
			return policy(m, p, cfg, d.options)
		},
		Acted: d.recording == "" && !d.shadow, // else nobody acts on what is decided
		Live:  d.recording == "",
		Trial: d.judge(), Decided: d.decided,
		Clock: time.Now, Seed: rand.Uint64(), Log: d.log,
	}
}

func (d *daemon) closeSource() {
	if d.source != nil && d.source.close != nil {
		if err := d.source.close(); err != nil {
			d.log.Error("closing the source of metrics", "error", err)
		}
	}
}

func (d *daemon) close() {
	d.closeSource()
	d.closeDatabases()
	d.closeCache()
	d.closeJournal()
	d.closeThreats()
	if err := d.secure.close(); err != nil {
		d.log.Error("closing the connection to SPIRE", "error", err)
	}
}

func versionOf(m *model.Model) string { return strconv.FormatUint(uint64(m.Version), 10) }

// String says what was read, for --check-config.
func (d *daemon) String() string {
	text := "ok"
	if m := d.model.Model; m != nil {
		text += fmt.Sprintf("; model %s version %s", m.Name, versionOf(m))
		if m.Failure == nil {
			text += ", without a failure forecast"
		}
	}
	switch {
	case d.source == nil:
		text += fmt.Sprintf("; metrics of %s, as soon as it answers", d.asked())
	case d.source.schema != nil:
		text += fmt.Sprintf("; schema %s, a window every %v", d.source.schema.Name, d.source.timing.Step)
	}
	if set := d.ruled.Rules; set != nil {
		text += fmt.Sprintf("; rules %s of %d services", set.Version(), len(set.Services()))
	}
	return text + d.looking()
}

// serve listens, runs the loop, and stops all of it when ctx ends or anything
// fails. No goroutine outlives it.
func (d *daemon) serve(ctx context.Context, stdout io.Writer) error {
	listeners, err := d.listeners()
	if err != nil {
		return err
	}
	if err := d.secure.fits(listeners[:2]); err != nil {
		return err
	}
	spans, err := d.openTraces(ctx, d.log)
	if err != nil {
		return err
	}
	defer spans.close(ctx)
	g, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	g.Go(func() error { d.calls.Log.Run(ctx, d.log); return nil })
	d.secure.run(ctx, g)
	serveGRPC(ctx, g, d, listeners[0], spans.options()...)
	if l := listeners[1]; l != nil {
		mux, l := d.secure.admin(d.adminMux(), netutil.LimitListener(l, maxConnections))
		serveHTTP(ctx, g, d.calls.Log.HTTP(mux), l, d.secure.trouble())
	}
	for i, what := range []string{"api", "admin", "haproxy-agent"} {
		if listeners[i] == nil {
			continue
		}
		fmt.Fprintln(stdout, what, listeners[i].Addr())
		d.secure.say(what, listeners[i].Addr())
	}
	d.serveJSON(ctx, g, stdout)
	if err := d.serveHAProxy(ctx, g, listeners[2], stdout); err != nil {
		g.Go(func() error { return err })
	}
	d.log.Info("serving", "checked", d.String())
	g.Go(func() error { d.loop.Attend(ctx); return nil })
	d.follow(ctx, g)
	endCache, endThreats := d.runCache(ctx), d.keepThreats(ctx)
	d.storeLog(ctx, g)
	d.discovering(ctx, g)
	g.Go(func() error {
		d.feed(ctx)
		if d.once {
			stop(loop.ErrOver)
		}
		return nil
	})
	err = g.Wait()
	endCache() // after all who may have something new to keep
	endThreats()
	d.log.Info("stopped", "error", err)
	return err
}
