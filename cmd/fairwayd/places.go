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
	"github.com/fairway-mesh/fairway/router/discovery/file"
	"github.com/fairway-mesh/fairway/router/discovery/kubernetes"
	"github.com/fairway-mesh/fairway/router/discovery/prometheus"
)

// resolvConf tells what the cluster is called, in a pod.
const resolvConf = "/etc/resolv.conf"

func openKubernetes(d *daemon, _ []string) (discovery.Source, error) {
	client, err := kubernetes.Connect(d.kubeconfig)
	if err != nil {
		return nil, err
	}
	cfg := kubernetes.DefaultConfig()
	cfg.Client, cfg.Namespaces, cfg.Log, cfg.Clock, cfg.Random = client, d.watched(), d.log, time.Now, rand.Float64
	cfg.Domain = kubernetes.Domain(resolvConf)
	return kubernetes.New(cfg)
}

func openFiles(d *daemon, at []string) (discovery.Source, error) {
	cfg := file.DefaultConfig()
	cfg.Files, cfg.Log, cfg.Clock = at, d.log, time.Now
	source, err := file.New(cfg)
	if err == nil && d.checkConfig { // else the daemon goes on without what it does not understand
		err = source.Check()
	}
	return source, err
}

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
		return nil, errors.New("prometheus is the one that is polled, and none is: name it by --prometheus")
	}
	cfg := prometheus.DefaultConfig()
	var err error
	if cfg.Connection, err = prom.LoadConnection(d.prometheus); err != nil {
		return nil, err
	}
	cfg.Log, cfg.Clock, cfg.Seed, cfg.Domain = d.log, time.Now, rand.Uint64(), kubernetes.Domain(resolvConf)
	return prometheus.New(cfg)
}

// openConsul takes the token, where the URL names no file of it, from where Consul's own
// programs do.
func openConsul(d *daemon, at []string) (discovery.Source, error) {
	if len(at) > 1 {
		return nil, errors.New("consul stands twice; any of its agents knows all: name one")
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
