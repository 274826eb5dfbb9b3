package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fairway-mesh/fairway/datasets/lab"
	"github.com/fairway-mesh/fairway/replay/report"
)

// The fault: how many times as slow the endpoint is, and the part of the middle third
// in which it gets there.
const (
	trySeverity = 6.0
	tryRamp     = 0.1
)

// try is one proxy, with and without fairway.
type try struct {
	o       tryOptions
	recipe  *lab.Recipe
	program string // fairwayd
	service lab.Service
	dir     string
	place   lab.Place // the addresses of fairwayd
	stdout  io.Writer
	stderr  io.Writer
}

func (t *try) run(ctx context.Context) (err error) {
	dir, remove, err := t.o.directory()
	if err != nil {
		return err
	}
	t.dir = dir
	defer func() { err = errors.Join(err, remove()) }()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cfg := lab.DefaultConfig()
	cfg.EndpointCommand = []string{program, "lab", "endpoint"}
	cfg.Out, cfg.Seed, cfg.Scrape, cfg.Light = filepath.Join(dir, "mesh"), t.o.seed, time.Second, true
	cfg.Services = []lab.Service{t.service}
	fmt.Fprintf(t.stderr, "%s, %.0f requests/s to %d endpoints; takes %v\n", t.recipe.Proxy, t.service.Rate, len(t.service.Endpoints), 2*(t.o.settle()+t.o.duration).Round(time.Second))
	var runs []report.Run
	err = lab.RunFleet(ctx, cfg, func(ctx context.Context, f *lab.Fleet) error {
		runs, err = t.both(ctx, f)
		return err
	})
	if err != nil {
		return err
	}
	return t.tell(runs)
}

// both runs the proxy by itself, and then with a fairwayd that has not seen the fault of
// the first run.
func (t *try) both(ctx context.Context, f *lab.Fleet) ([]report.Run, error) {
	var runs []report.Run
	for _, fairway := range []bool{false, true} {
		one := lab.Turn{
			Name: "before", Recipe: t.recipe, Place: t.place, Proxies: 1, Seed: t.o.seed,
			Settle: t.o.settle(), Length: t.o.duration, Faults: []lab.Fault{t.fault()},
		}
		if fairway {
			stop, err := t.startFairway(ctx, f)
			if err != nil {
				return nil, err
			}
			defer stop()
			one.Name, one.Place = "after", t.place
		}
		one.Place.Fairway, one.Place.Balance = fairway, t.o.balance
		taken, err := f.Take(ctx, one)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.Name, err)
		}
		if taken.Sent.P99 > 20*time.Millisecond {
			fmt.Fprintf(t.stderr, "1 %% of the requests were sent %v late or more: this machine is too busy for figures to be trusted\n", taken.Sent.P99.Round(time.Millisecond))
		}
		runs = append(runs, t.sum(fairway, taken))
	}
	return runs, nil
}

// fault is in the middle third; the first endpoint is one of the faster ones.
func (t *try) fault() lab.Fault {
	third := t.o.duration / 3
	return lab.Fault{
		Service: t.service.Name, Endpoint: t.service.Endpoints[0].Name, Kind: lab.Slowdown,
		Start: third, Length: third, Ramp: time.Duration(tryRamp * float64(third)), Severity: trySeverity,
	}
}

// startFairway starts fairwayd with the listeners that the recipe asks for.
func (t *try) startFairway(ctx context.Context, f *lab.Fleet) (stop func(), err error) {
	t.place = lab.Place{HTTP: f.Address(), Agent: f.Address(), SPOE: f.Address()}
	if t.place.GRPC, err = freeAddress(); err != nil {
		return nil, err
	}
	args, err := t.metrics()
	if err != nil {
		return nil, err
	}
	rules := filepath.Join(t.dir, "rules.yaml")
	if err := os.WriteFile(rules, []byte(fleetRules(f.Service())), 0o644); err != nil {
		return nil, err
	}
	flags, err := t.recipe.Flags(f.Tell(t.place, 0))
	if err != nil {
		return nil, err
	}
	args = append(args, "--prometheus", f.Prometheus(), "--rules", rules, "--admin", f.Address(), "--state", filepath.Join(t.dir, "state"))
	log, err := os.Create(filepath.Join(t.dir, "fairwayd.log"))
	if err != nil {
		return nil, err
	}
	d, err := startDaemonAt(ctx, log, t.program, t.place.GRPC, append(args, flags...)...)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return func() {
		if err := errors.Join(d.stop(), log.Close()); err != nil {
			fmt.Fprintln(t.stderr, err)
		}
	}, nil
}

// metrics are the flags of what fairwayd reads: the model of this mesh that ships, or
// the schema alone.
func (t *try) metrics() ([]string, error) {
	text, err := bundledModels.ReadFile(fleetModelFile)
	if err == nil {
		path := filepath.Join(t.dir, "fleet.model")
		return []string{"--model", path}, os.WriteFile(path, text, 0o644)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if text, err = compareFiles.ReadFile("compare/fleet.yaml"); err != nil {
		return nil, err
	}
	path := filepath.Join(t.dir, "fleet.yaml")
	return []string{"--schema", path}, os.WriteFile(path, text, 0o644)
}
