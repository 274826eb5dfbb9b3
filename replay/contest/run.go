package contest

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
)

// runner is sim.Run; tests have their own.
type runner func(context.Context, *sim.Scenario, uint64, router.Strategy) (*sim.Result, error)

// Run runs every entry in every scenario with every seed. Equal arguments give
// equal findings, whatever the number of workers. A run is reduced to what the
// findings need as soon as it is done, so that memory grows with the number of
// runs and slots, not of requests. The first failure ends it, and so does the
// context.
func Run(ctx context.Context, scenarios []*sim.Scenario, entries []Entry, cfg Config) (*Findings, error) {
	return run(ctx, scenarios, entries, cfg, sim.Run)
}

func run(ctx context.Context, scenarios []*sim.Scenario, entries []Entry, cfg Config, simulate runner) (*Findings, error) {
	if err := cfg.check(scenarios, entries); err != nil {
		return nil, err
	}
	c := contest{cfg: cfg, entries: entries, simulate: simulate}
	for _, s := range scenarios {
		seeds := cfg.Seeds
		if seeds == 0 {
			seeds = max(s.Seeds, 1)
		}
		f := field{scenario: s, runs: make([][]*reduced, len(entries))}
		for i := range f.runs {
			f.runs[i] = make([]*reduced, seeds)
		}
		c.fields = append(c.fields, f)
		c.all += seeds * len(entries)
	}
	if err := c.run(ctx); err != nil {
		return nil, err
	}
	return c.findings(), nil
}

// contest is one Run under way.
type contest struct {
	cfg      Config
	entries  []Entry
	simulate runner
	fields   []field
	all      int

	mu   sync.Mutex
	done int
}

// field is one scenario with the runs of each entry, seed by seed.
type field struct {
	scenario *sim.Scenario
	runs     [][]*reduced
}

func (c *contest) run(outer context.Context) error {
	workers := c.cfg.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	group, ctx := errgroup.WithContext(outer)
	group.SetLimit(workers)
	for f := range c.fields {
		for seed := range c.fields[f].runs[0] {
			for entry := range c.entries {
				if ctx.Err() != nil {
					break
				}
				group.Go(func() error { return c.one(ctx, &c.fields[f], entry, seed) })
			}
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return outer.Err()
}

// one makes one run. Each writes to a place of its own.
func (c *contest) one(ctx context.Context, f *field, entry, seed int) error {
	strategy, err := c.entries[entry].strategy(f.scenario, c.cfg.FirstSeed+uint64(seed))
	if err != nil {
		return fmt.Errorf("contest: strategy %s: %w", c.entries[entry].Name, err)
	}
	r, err := c.simulate(ctx, f.scenario, c.cfg.FirstSeed+uint64(seed), strategy)
	if err != nil {
		return fmt.Errorf("contest: scenario %s, strategy %s, seed %d: %w", f.scenario.Name, c.entries[entry].Name, c.cfg.FirstSeed+uint64(seed), err)
	}
	f.runs[entry][seed] = reduce(r, f.scenario.Deadline, seed == 0)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done++
	if c.cfg.Progress != nil {
		c.cfg.Progress(c.done, c.all)
	}
	return nil
}
