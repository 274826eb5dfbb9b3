package tune

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/replay/meshes"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
)

// Reference is the strategy that losses are relative to: random picks in
// proportion to the capacity.
const Reference = "capacity/weighted"

// Objective says what is minimised.
const Objective = "mean over the meshes of ½·[ln(mean cost ÷ reference's) + ln(p99 ÷ reference's)], a failed request costing the deadline; the reference is " + Reference

// Build makes a strategy of a name, as router.StrategyNamed does. It is called
// from several goroutines at once.
type Build func(name string) (router.Strategy, error)

// Run tunes strategies by their names, as router.Parameters knows them. Equal
// arguments give equal results, whatever the number of workers.
func Run(ctx context.Context, names []string, build Build, cfg Config) (*Results, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t := tuner{cfg: cfg, build: build, run: sim.Run}
	if err := t.refer(ctx); err != nil {
		return nil, err
	}
	out := &Results{Objective: Objective, Meshes: cfg.Meshes, FirstMesh: cfg.FirstMesh, Budget: cfg.Budget, Seed: cfg.Seed}
	for _, name := range names {
		r, err := t.tune(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("tune: %s: %w", name, err)
		}
		out.Strategies = append(out.Strategies, r)
		if cfg.Done != nil {
			cfg.Done(r)
		}
	}
	return out, nil
}

// tuner is one Run under way.
type tuner struct {
	cfg       Config
	build     Build
	run       func(context.Context, *sim.Scenario, uint64, router.Strategy) (*sim.Result, error)
	meshes    []*sim.Scenario
	reference []figures
}

// figures of one run, in seconds.
type figures struct{ mean, p99 float64 }

func (f figures) loss(reference figures) float64 {
	return (math.Log(f.mean/reference.mean) + math.Log(f.p99/reference.p99)) / 2
}

// refer draws the meshes and runs the reference in them.
func (t *tuner) refer(ctx context.Context) error {
	for k := range t.cfg.Meshes {
		t.meshes = append(t.meshes, meshes.Scenario(t.cfg.FirstMesh+uint64(k)))
	}
	t.reference = make([]figures, len(t.meshes))
	return t.each(ctx, Reference, len(t.meshes), func(ctx context.Context, k int) (err error) {
		t.reference[k], err = t.one(ctx, Reference, k)
		return err
	})
}

func (t *tuner) tune(ctx context.Context, name string) (Result, error) {
	parameters, err := router.Parameters(name)
	if err != nil {
		return Result{}, err
	}
	best, defaults, runs, err := search(ctx, parameters, t.cfg, func(ctx context.Context, all []*candidate, jobs []job, losses []float64) error {
		names := make([]string, len(all))
		for i, c := range all {
			if names[i], err = tuned(name, c.values); err != nil {
				return err
			}
		}
		return t.each(ctx, name, len(jobs), func(ctx context.Context, i int) error {
			j := jobs[i]
			f, err := t.one(ctx, names[j.candidate], j.mesh)
			losses[i] = f.loss(t.reference[j.mesh])
			return err
		})
	})
	if err != nil {
		return Result{}, err
	}
	strategy, err := tuned(name, best.values)
	return Result{Name: name, Strategy: strategy, Loss: best.loss(t.cfg.Meshes), Default: defaults.loss(t.cfg.Meshes), Runs: runs}, err
}

// tuned is the name itself where nothing differs.
func tuned(name string, v values) (string, error) {
	if len(v) == 0 {
		return name, nil
	}
	return router.Tuned(name, v)
}

func (t *tuner) one(ctx context.Context, name string, mesh int) (figures, error) {
	s, err := t.build(name)
	if err != nil {
		return figures{}, err
	}
	r, err := t.run(ctx, t.meshes[mesh], t.cfg.FirstMesh+uint64(mesh), s)
	if err != nil {
		return figures{}, err
	}
	return figures{r.Mean, min(r.Latency.Quantile(0.99), t.meshes[mesh].Deadline.Seconds())}, nil
}

// each does n things, some at once, and tells the progress.
func (t *tuner) each(ctx context.Context, name string, n int, do func(context.Context, int) error) error {
	workers := t.cfg.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var mu sync.Mutex
	done := 0
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i := range n {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := do(inner, i); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			if t.cfg.Progress != nil {
				t.cfg.Progress(name, done, n)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
