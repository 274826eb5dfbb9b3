package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// servers are where metrics may be polled: the one place that was named, or those that
// may be meant: what was found of Prometheus, and then the usual place.
func (d *daemon) servers() []string {
	if !d.guessed || d.directory == nil {
		return []string{d.prometheus}
	}
	return append(prometheuses(d.directory.Snapshot()), d.prometheus)
}

// asked says where metrics are polled.
func (d *daemon) asked() string {
	if d.guessed && hasKind(d.found(), "kubernetes") {
		return "a Prometheus of the cluster, or of " + d.prometheus
	}
	return masked(d.prometheus)
}

// openServer opens the first server that answers and has metrics that a schema fits.
func (d *daemon) openServer(ctx context.Context) (*source, error) {
	var errs []error
	for _, at := range d.servers() {
		o := *d.options
		o.prometheus = at
		s, err := openSource(ctx, &o, d.loop.Model())
		if err == nil {
			if d.guessed {
				d.log.Info("polling metrics", "prometheus", at)
			}
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// usualNames are what the charts and the operator of Prometheus call its service, the
// likeliest first.
var usualNames = []string{"prometheus-k8s", "prometheus-operated", "prometheus", "prometheus-server"}

// prometheuses are the URLs of what was found that may be a Prometheus, the likeliest
// first: by the name of the service, or of the application that its pods say they are.
func prometheuses(s *discovery.Snapshot) []string {
	type guess struct {
		rank int
		url  string
	}
	var all []guess
	for _, service := range s.Services() {
		if rank := likely(service); rank >= 0 {
			host, _, _ := strings.Cut(service.Name, ":")
			all = append(all, guess{rank, fmt.Sprintf("http://%s:%d", host, service.Port.Number)})
		}
	}
	slices.SortStableFunc(all, func(a, b guess) int { return cmp.Compare(a.rank, b.rank) })
	urls := make([]string, len(all))
	for i, g := range all {
		urls[i] = g.url
	}
	return urls
}

// likely is how likely a service is a Prometheus, 0 the most; −1: it is none.
func likely(s *discovery.Service) int {
	if s.Namespace == "" || s.Port.Number == 0 || s.Port.Number != 9090 && s.Port.Name != "web" && s.Port.Name != "http" && s.Port.Name != "http-web" {
		return -1
	}
	name, _, _ := strings.Cut(s.Name, ".")
	if rank := slices.Index(usualNames, name); rank >= 0 {
		return rank
	}
	for _, e := range s.Endpoints {
		if e.Labels["app.kubernetes.io/name"] == "prometheus" {
			return len(usualNames)
		}
	}
	return -1
}
