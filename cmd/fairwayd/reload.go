package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router/loop"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/trial"
)

// reloadOptions say how changes of model and rules are taken.
type reloadOptions struct {
	canary, holdBack float64
	probation        time.Duration
	noTrial          bool
}

func (o *reloadOptions) flags(fs *flag.FlagSet) {
	usual := trial.DefaultConfig()
	o.canary, o.holdBack = usual.Share, usual.HoldBack
	fs.Var((*canary)(&o.canary), "canary", "`part` of the requests that tries another model or other rules at first; 100%: no trial")
	fs.Var((*part)(&o.holdBack), "hold-back", "`part` of the requests that the former version keeps while the other is on probation")
	fs.DurationVar(&o.probation, "probation", usual.Probation, "how `long` the former version keeps a part")
	fs.BoolVar(&o.noTrial, "no-trial", false, "serve another model or other rules at once")
}

// canary is a part that may be all.
type canary float64

func (c *canary) String() string { return (*part)(c).String() }

func (c *canary) Set(text string) error {
	if text == "100%" || text == "1" {
		*c = 1
		return nil
	}
	return (*part)(c).Set(text)
}

func (o *reloadOptions) check() error {
	o.noTrial = o.noTrial || o.canary == 1
	if err := o.trial().Validate(); !o.noTrial && err != nil {
		return usage(fmt.Sprintf("--canary, --hold-back, --probation: %v", err))
	}
	return nil
}

func (o *reloadOptions) trial() trial.Config {
	cfg := trial.DefaultConfig()
	cfg.Share, cfg.HoldBack, cfg.Probation = o.canary, o.holdBack, o.probation
	return cfg
}

// judge begins trials; nil where nothing is tried.
func (o *options) judge() func(time.Time, *rules.Set) loop.Judge {
	if o.noTrial || o.shadow { // what is only listened to does nothing to the requests
		return nil
	}
	cfg := o.trial()
	return func(now time.Time, set *rules.Set) loop.Judge {
		cfg.Objective = func(service string) mesh.Objective {
			if own := set.Service(service).Service.Objective; own != (mesh.Objective{}) {
				return own
			}
			return mesh.DefaultObjective()
		}
		return trial.New(cfg, now)
	}
}

// stateDirectory is what was asked for, or that of systemd's unit, or the user's; ""
// where there is none.
func stateDirectory(given string) string {
	systemd, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	switch xdg, home := os.Getenv("XDG_STATE_HOME"), os.Getenv("HOME"); {
	case given != "":
		return given
	case systemd != "":
		return systemd
	case xdg != "":
		return filepath.Join(xdg, "fairway")
	case home != "":
		return filepath.Join(home, ".local", "state", "fairway")
	}
	return ""
}

// openState opens the part of the state directory for what this daemon serves: two
// that serve other things do not share it.
func (d *daemon) openState() {
	dir := ""
	if root := stateDirectory(d.tlsOptions.state); root != "" && d.recording == "" && !d.checkConfig {
		dir = filepath.Join(root, "loop-"+d.serves())
	}
	var err error
	if d.memory, err = loop.OpenState(dir); err != nil {
		d.log.Error("the state begins anew", "error", err)
	}
}

// serves tells daemons that serve other things apart.
func (o *options) serves() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", absolute(o.model), absolute(o.rules), o.prometheus))
	return fmt.Sprintf("%x", sum[:6])
}

// absolute is the path of a file or directory that is there; of what is none, such as
// a URL, itself.
func absolute(path string) string {
	if _, err := os.Stat(path); err != nil || path == "" {
		return path
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return whole
}

// openModel finds the model to begin with.
func (d *daemon) openModel(ctx context.Context) (first loop.Change, err error) {
	first.Subject = model.SubjectModel
	if d.options.model == "" {
		return first, nil
	}
	registry, err := d.openRegistry(d.options.model)
	if err != nil {
		return first, err
	}
	if registry != nil {
		d.modelFrom = loop.RegistryModel(registry, ownName())
	} else {
		d.modelFrom = loop.ModelFile(d.options.model)
	}
	if inDatabase(d.options.model) {
		if last, there := d.lastServed(first.Subject); there {
			return last, nil
		}
		limited, cancel := context.WithTimeout(ctx, soon)
		defer cancel()
		ctx = limited
	}
	now, err := loop.First(ctx, d.modelFrom)
	if err != nil && registry == nil && errors.Is(err, os.ErrNotExist) {
		return first, err
	}
	first, err = d.begin(first.Subject, now, err)
	if err == nil || registry == nil || d.checkConfig {
		return first, err
	}
	d.log.Error("the latest model cannot be read; the newest that can is served", "error", err)
	readable, listing := loop.Readable(ctx, registry)
	if listing != nil {
		d.log.Error("no model can be read; the rules answer", "error", listing)
	}
	return readable, nil
}

// begin is the change to begin with, of what is there now: what served last, where
// that is not to be had, was refused, or is to be tried first.
func (d *daemon) begin(subject string, now loop.Change, wrong error) (loop.Change, error) {
	now.Subject = subject
	if d.checkConfig {
		return now, wrong
	}
	good, err := d.memory.Served(subject)
	if err != nil {
		d.log.Error("what served last cannot be read", "error", err)
	}
	since, refused := d.memory.Refused(now.Version)
	tries := subject == model.SubjectModel && !now.Back && d.judge() != nil
	switch {
	case good.ID == "" && wrong != nil:
		return now, wrong
	case good.ID == "" && refused && subject == model.SubjectModel:
		d.log.Warn("the rules answer: the newest model was refused, and there is no other", "refused", now.Name, "since", since)
		return good, nil
	case wrong != nil:
		d.log.Error("what served last serves on", "subject", subject, "version", good.Name, "error", wrong)
		return good, nil
	case good.ID == "" || good.ID == now.ID || now.ID != "" && !refused && !tries:
		return now, nil
	case refused:
		d.log.Warn("what served last serves on: the newest was refused", "subject", subject, "version", good.Name, "refused", now.Name, "since", since)
	default:
		d.log.Info("what served last serves on, until the newest has been tried", "subject", subject, "version", good.Name, "newest", now.Name)
	}
	return good, nil
}

// rememberEvery is how often the memory is saved, and lookEvery how often is looked for
// changes; seldom, where somebody tells of them.
const rememberEvery, lookEvery, lookSeldom = time.Minute, time.Second, 5 * time.Second

// follow takes changes until ctx ends, at once on SIGHUP, and saves the memory.
func (d *daemon) follow(ctx context.Context, g *errgroup.Group) {
	var notes []chan struct{}
	for _, origin := range []loop.Origin{d.modelFrom, d.rulesFrom} {
		if origin == nil {
			continue
		}
		now := make(chan struct{}, 1)
		notes = append(notes, now)
		every := lookEvery
		if w := d.watchers[origin.Subject()]; w != nil {
			every = lookSeldom
			g.Go(func() error { _ = w.Watch(ctx, func(model.Version) { poke(now) }); return nil }) // ends with ctx
		}
		g.Go(func() error { d.loop.Follow(ctx, origin, d.memory, every, now); return nil })
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	g.Go(func() error {
		defer signal.Stop(hup)
		ticker := time.NewTicker(rememberEvery)
		defer ticker.Stop()
		for {
			select {
			case <-hup:
				d.log.Info("looking for changes: SIGHUP")
				for _, note := range notes {
					poke(note)
				}
			case <-ticker.C:
				d.remember()
			case <-ctx.Done():
				d.remember()
				return nil
			}
		}
	})
}

func poke(note chan<- struct{}) {
	select {
	case note <- struct{}{}:
	default: // it will look anyway
	}
}

func (d *daemon) remember() {
	if err := d.loop.Remember(d.memory); err != nil {
		d.log.Error("the memory is not saved", "error", err)
	}
}
