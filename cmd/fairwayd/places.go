package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"time"

	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/consul"
	lookup "github.com/fairway-mesh/fairway/router/discovery/dns"
	"github.com/fairway-mesh/fairway/router/discovery/prometheus"
)

func openDNS(d *daemon, at []string) (discovery.Source, error) {
	cfg := lookup.DefaultConfig()
	cfg.Log, cfg.Clock, cfg.Seed = d.log, time.Now, rand.Uint64()
	for _, text := range at {
		name, err := lookup.Parse(text)
		if err != nil {
			return nil, err
		}
		cfg.Names = append(cfg.Names, name)
	}
	return lookup.New(cfg)
}

// openTargets asks the server that is polled what it scrapes.
func openTargets(d *daemon, _ []string) (discovery.Source, error) {
	if d.prometheus == "" || d.guessed {
		return nil, errors.New("prometheus: which server knows the targets is not said; give --prometheus")
	}
	cfg := prometheus.DefaultConfig()
	var err error
	if cfg.Connection, err = prom.LoadConnection(d.prometheus); err != nil {
		return nil, err
	}
	cfg.Log, cfg.Clock, cfg.Seed = d.log, time.Now, rand.Uint64()
	return prometheus.New(cfg)
}

// openConsul takes the token, where the URL names no file of it, from where Consul's own
// programs do.
func openConsul(d *daemon, at []string) (discovery.Source, error) {
	if len(at) > 1 {
		return nil, errors.New("consul is named twice; want one URL: any of its agents knows all")
	}
	cfg, err := consul.Parse(at[0])
	if err != nil {
		return nil, err
	}
	if cfg.TokenFile == "" {
		cfg.TokenFile = os.Getenv("CONSUL_HTTP_TOKEN_FILE")
	}
	if cfg.TokenFile == "" {
		cfg.Token = os.Getenv("CONSUL_HTTP_TOKEN")
	}
	cfg.Log, cfg.Clock, cfg.Seed = d.log, time.Now, rand.Uint64()
	return consul.New(cfg)
}
