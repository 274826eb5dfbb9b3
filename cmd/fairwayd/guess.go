package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// servers are where the metrics may be that nobody says the place of: what was found of
// Prometheus, and then the usual place.
func (d *daemon) servers() []string {
	return append(prometheuses(d.directory.Snapshot()), d.prometheus)
}

// asked says where metrics are polled.
func (d *daemon) asked() string {
	if at := d.polled.Load(); at != nil {
		return *at
	}
	if d.guessed && hasKind(d.found(), "kubernetes") {
		return "a Prometheus of the cluster, or of " + d.prometheus
	}
	return masked(d.prometheus)
}

// openServer opens the server that was named, or the first of those that may be meant
// that answers and, where nobody says of which schema, has metrics that one fits.
func (d *daemon) openServer(ctx context.Context) (*source, error) {
	if !d.guessed || d.directory == nil {
		return openSource(ctx, d.options, d.loop.Model())
	}
	var errs []error
	for _, at := range d.servers() {
		o := *d.options
		o.prometheus = at
		err := answers(ctx, at)
		if err == nil {
			var s *source
			if s, err = openSource(ctx, &o, d.loop.Model()); err == nil {
				d.log.Info("polling metrics", "prometheus", at)
				d.polled.Store(&at)
				return s, nil
			}
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// answers asks whether a Prometheus is there at all: one whose schema is known is polled
// without being asked, and what is polled first is polled for good.
func answers(ctx context.Context, at string) error {
	connection, err := prom.LoadConnection(at)
	if err != nil {
		return err
	}
	server, err := prom.Connect(connection, prom.LiveLimits())
	if err != nil {
		return err
	}
	defer server.Close()
	ctx, cancel := context.WithTimeout(ctx, detecting)
	defer cancel()
	_, err = server.Now(ctx)
	return err
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
