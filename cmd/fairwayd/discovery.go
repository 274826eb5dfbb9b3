package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/kubernetes"
)

// discoveryOptions say where services and their endpoints are found.
type discoveryOptions struct {
	discover, kubeconfig, namespaces string
}

// auto is --discover where nobody sets it.
const auto = "auto"

func (o *discoveryOptions) flags(fs *flag.FlagSet) {
	fs.StringVar(&o.discover, "discover", auto, "`places`, separated by commas, where services and their endpoints are found: kubernetes, dns:NAME:PORT, dns:SRVNAME, file:GLOB, prometheus (the targets of the server that is polled), consul:URL, or none; auto is kubernetes, in a pod of it or with --kubeconfig")
	fs.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `file` of the cluster where services are found; default: what a pod is given, else kubectl's own")
	fs.StringVar(&o.namespaces, "namespaces", "", "`names`, separated by commas, of the namespaces where services are found; default: all")
}

func (o *discoveryOptions) check() error {
	all, err := o.places()
	switch {
	case err != nil:
		return usage("--discover: " + err.Error())
	case o.namespaces != "" && slices.Contains(o.watched(), ""):
		return usage(fmt.Sprintf("--namespaces is %q; want names, separated by commas", o.namespaces))
	case o.discover != auto && (o.kubeconfig != "" || o.namespaces != "") && !hasKind(all, "kubernetes"):
		return usage("--kubeconfig and --namespaces say where in a cluster services are found; --discover names none")
	}
	return nil
}

// place is where services are found: a kind of source, and all that it is asked for.
type place struct {
	kind string
	at   []string
}

func (p place) String() string { return strings.Join(append([]string{p.kind}, p.at...), " ") }

func hasKind(all []place, kind string) bool {
	return slices.ContainsFunc(all, func(p place) bool { return p.kind == kind })
}

// places are those of --discover, of each kind one, in the order in which they are
// believed.
func (o *discoveryOptions) places() (all []place, err error) {
	items := strings.Split(o.discover, ",")
	for _, item := range items {
		kind, at, named := strings.Cut(strings.TrimSpace(item), ":")
		switch makes, known := kinds[kind]; {
		case kind == "none" || kind == auto:
			if len(items) > 1 || named {
				return nil, fmt.Errorf("%q; want %s alone", o.discover, kind)
			}
			if kind == auto && o.inCluster() {
				return []place{{kind: "kubernetes"}}, nil
			}
			return nil, nil
		case !known:
			return nil, fmt.Errorf("%q; want kubernetes, dns:NAME:PORT, file:GLOB, prometheus, consul:URL, or none", item)
		case makes.of == "" && named:
			return nil, fmt.Errorf("%q; want %s alone", item, kind)
		case makes.of != "" && at == "":
			return nil, fmt.Errorf("%q; want %s:%s", item, kind, makes.of)
		}
		i := slices.IndexFunc(all, func(p place) bool { return p.kind == kind })
		if i < 0 {
			i, all = len(all), append(all, place{kind: kind})
		}
		if named {
			all[i].at = append(all[i].at, at)
		}
	}
	return all, nil
}

// inCluster reports whether there is a cluster to look into without being told to.
func (o *discoveryOptions) inCluster() bool { return o.kubeconfig != "" || kubernetes.InCluster() }

func (o *discoveryOptions) watched() []string {
	if o.namespaces == "" {
		return nil
	}
	all := strings.Split(o.namespaces, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// found are the places that are looked into: none by itself while a recording is
// played, whose endpoints are those of another day.
func (o *options) found() []place {
	if o.recording != "" && o.discover == auto {
		return nil
	}
	all, _ := o.places() // check has told what is wrong
	return all
}

// kinds are the sources of --discover: what is named after the colon, if anything, and
// how one is made of all that is named.
var kinds = map[string]struct {
	of    string
	opens func(d *daemon, at []string) (discovery.Source, error)
}{
	"kubernetes": {"", openKubernetes},
	"file":       {"GLOB", openFiles},
	"dns":        {"NAME:PORT or dns:SRVNAME", openDNS},
	"prometheus": {"", openTargets},
	"consul":     {"URL", openConsul},
}

// openDiscovery makes the directory of what is found, and begins with what the cache
// holds. Whether the places answer is not asked before run.
func (d *daemon) openDiscovery() error {
	places := d.found()
	if len(places) == 0 {
		return nil
	}
	var sources []discovery.Source
	for _, p := range places {
		source, err := kinds[p.kind].opens(d, p.at)
		switch {
		case err != nil && d.discover == auto && d.kubeconfig == "":
			d.log.Warn("services of the cluster are not found; --discover none does not try to", "error", err)
			continue
		case err != nil:
			return fmt.Errorf("--discover: %w", err)
		}
		sources = append(sources, source)
	}
	cfg := discovery.DefaultConfig()
	cfg.Log, cfg.Clock, cfg.Registerer = d.log, time.Now, d.reg
	if d.cache != nil {
		cfg.Cache = d.cache
	}
	var err error
	if d.directory, err = discovery.New(cfg, sources...); err != nil {
		return fmt.Errorf("--discover: %w", err)
	}
	d.directory.Handle(func(now *discovery.Snapshot, _ []discovery.Change) { d.loop.Know(now) })
	d.loop.Know(d.directory.Snapshot()) // of the cache
	return nil
}

// discovering finds services until ctx ends.
func (d *daemon) discovering(ctx context.Context, g *errgroup.Group) {
	if d.directory != nil {
		g.Go(func() error { return d.directory.Run(ctx) })
	}
}

// unfound is what keeps places from answering; nil when all do.
func (d *daemon) unfound() error {
	if d.directory == nil {
		return nil
	}
	var errs []error
	for _, s := range d.directory.Sources() {
		switch {
		case s.Trouble == nil:
		case strings.HasPrefix(s.Trouble.Error(), s.Name): // such as that of a Consul, of which there are many
			errs = append(errs, s.Trouble)
		default:
			errs = append(errs, fmt.Errorf("%s: %w", s.Name, s.Trouble))
		}
	}
	return errors.Join(errs...)
}

// looking says where services are found.
func (o *options) looking() string {
	text := ""
	for _, p := range o.found() {
		text += "; services found in " + masked(p.String())
		if p.kind == "kubernetes" {
			text += ", namespaces: " + cmp.Or(strings.Join(o.watched(), " "), "all")
		}
	}
	return text
}
