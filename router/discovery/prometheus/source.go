package prometheus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/again"
	"github.com/fairway-mesh/fairway/router/discovery/target"
)

// Config says which server to ask, and how often.
type Config struct {
	Connection *prom.Connection
	Every      time.Duration
	Timeout    time.Duration // of one answer
	// Grace is how long a service is missed before it is gone: a Prometheus that has
	// just started answers for some seconds that it has no targets.
	Grace  time.Duration
	Domain string // of Kubernetes
	Seed   uint64 // of the pauses' jitter
	Clock  func() time.Time
	Log    *slog.Logger
}

// DefaultConfig asks every 15 s; which server has to be set.
func DefaultConfig() Config {
	return Config{Every: 15 * time.Second, Timeout: 30 * time.Second, Grace: time.Minute, Domain: "cluster.local", Seed: 1, Clock: time.Now, Log: slog.New(slog.DiscardHandler)}
}

// Validate reports everything that is missing or out of range.
func (c Config) Validate() error {
	var errs []error
	if c.Connection == nil {
		errs = append(errs, errors.New("prometheus discovery: no server is named; want one such as http://127.0.0.1:9090"))
	}
	if c.Every < 100*time.Millisecond || c.Timeout <= 0 || c.Grace < 0 {
		errs = append(errs, fmt.Errorf("prometheus discovery: asked every %v for at most %v, services are missed for %v; want at least 100ms, more than 0, and 0 or more", c.Every, c.Timeout, c.Grace))
	}
	if c.Domain == "" || c.Clock == nil || c.Log == nil {
		errs = append(errs, errors.New("prometheus discovery: no domain, no clock or no log; want cluster.local, time.Now and a logger"))
	}
	return errors.Join(errs...)
}

// Source asks a Prometheus server. It may be watched once at a time.
type Source struct {
	cfg    Config
	server *prom.Server
}

// New checks the settings; nothing is asked yet.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	limits := prom.LiveLimits()
	limits.Timeout, limits.Seed = cfg.Timeout, cfg.Seed
	server, err := prom.Connect(cfg.Connection, limits)
	if err != nil {
		return nil, fmt.Errorf("prometheus discovery: %w", err)
	}
	return &Source{cfg, server}, nil
}

// Name implements discovery.Source.
func (*Source) Name() string { return "prometheus" }

// Hearsay implements discovery.Hearsay: what is scraped may be gone already.
func (*Source) Hearsay() {}

// Watch implements discovery.Source.
func (s *Source) Watch(ctx context.Context, to discovery.Sink) error {
	defer s.server.Close() // of idle connections: it can be asked again
	teller, missed := again.NewTeller(to), missed{grace: s.cfg.Grace, began: s.cfg.Clock()}
	pauses := again.NewPauses(min(time.Second, s.cfg.Every), 2*s.cfg.Every, s.cfg.Seed)
	for {
		targets, err := s.server.Targets(ctx)
		if ctx.Err() != nil {
			return nil
		}
		pause := s.cfg.Every - pauses.Jittered(s.cfg.Every/10)
		if err != nil {
			teller.Unreachable(err)
			pause = pauses.Next()
		} else {
			pauses.Over()
			teller.Tell(missed.add(s.services(targets), s.cfg.Clock()))
		}
		if !again.Sleep(ctx, pause) {
			return nil
		}
	}
}

func (s *Source) services(targets []prom.Target) []*discovery.Service {
	all := make([]target.Target, 0, len(targets))
	for _, t := range targets {
		if read, ok := read(t); ok {
			all = append(all, read)
		}
	}
	return target.Services(all, target.Reading{Source: "prometheus", Domain: s.cfg.Domain, Time: s.cfg.Clock()})
}

// read takes a target of the server, unless it is a whole service, which Kubernetes
// calls one by its cluster's address: that is no endpoint.
func read(t prom.Target) (target.Target, bool) {
	if cmp.Or(t.Found["__meta_kubernetes_service_cluster_ip"], t.Found["__meta_kubernetes_service_external_name"]) != "" {
		return target.Target{}, false
	}
	out := target.Target{Labels: t.Labels, Found: t.Found, Scraped: scraped(t.URL)}
	if found := target.Address(t.Found["__address__"]); target.LabelledServing(t.Found) {
		out.Address, out.Serves = found, true
		out.Down = t.Health == "down" && found == out.Scraped
	}
	return out, out.Address != "" || out.Scraped != ""
}

// scraped is host:port of a URL; empty where it is none.
func scraped(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	return target.Address(net.JoinHostPort(u.Hostname(), port))
}
