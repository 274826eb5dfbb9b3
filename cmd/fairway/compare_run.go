package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets/lab"
)

// comparison runs policies by turns.
type comparison struct {
	o        compareOptions
	policies []comparePolicy
	recipes  []*lab.Recipe // of the policies
	program  string        // fairwayd
	model    string        // files that it reads, and its address
	rules    string
	admin    string
	out      string // absolute
	keep     bool
	service  lab.Service
	place    lab.Place // the addresses of fairwayd
	stdout   io.Writer
	stderr   io.Writer
}

func newComparison(cmd *cobra.Command, o compareOptions) (*comparison, error) {
	c := &comparison{o: o, keep: o.out != "", service: lab.FleetService(o.load), stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr()}
	var err error
	if c.policies, err = namedPolicies(o.policies); err != nil {
		return nil, err
	}
	for _, p := range c.policies {
		r, err := p.read()
		if err != nil {
			return nil, err
		}
		c.recipes = append(c.recipes, r)
	}
	if c.asksFairway() {
		if c.program, err = daemonProgram(o.daemon); err != nil {
			return nil, err
		}
	}
	if o.out == "" {
		c.out, err = os.MkdirTemp("", "fairway-compare-")
		return c, err
	}
	if c.out, err = filepath.Abs(o.out); err != nil {
		return nil, err
	}
	return c, os.MkdirAll(c.out, 0o755)
}

func (c *comparison) asksFairway() bool {
	return slices.ContainsFunc(c.policies, func(p comparePolicy) bool { return p.fairway })
}

func (c *comparison) run(ctx context.Context) (err error) {
	if !c.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(c.out)) }()
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cfg := lab.DefaultConfig()
	cfg.EndpointCommand = []string{program, "lab", "endpoint"}
	cfg.Out, cfg.Seed, cfg.Scrape, cfg.Light = filepath.Join(c.out, "mesh"), c.o.seed, compareTiming.scrape, true
	cfg.Services = []lab.Service{c.service}
	fmt.Fprintf(c.stderr, "%d policies, %.0f requests/s; takes %v\n", len(c.policies), c.service.Rate, c.o.takes(len(c.policies)).Round(time.Second))
	var results []*fleetResult
	err = lab.RunFleet(ctx, cfg, func(ctx context.Context, f *lab.Fleet) error {
		if c.asksFairway() {
			if err := c.prepareFairway(f); err != nil {
				return err
			}
		}
		results, err = c.fleets(ctx, f)
		return err
	})
	if err != nil {
		return err
	}
	return c.tell(results)
}

// fleets runs the fleets of all sizes.
func (c *comparison) fleets(ctx context.Context, f *lab.Fleet) ([]*fleetResult, error) {
	if c.o.warmUp > 0 {
		if err := c.warm(ctx, f); err != nil {
			return nil, err
		}
	}
	var results []*fleetResult
	for _, proxies := range c.o.proxies {
		turns := make([][]compareTurn, len(c.policies))
		for block := range c.o.blocks {
			for _, i := range turnOrder(c.o.seed, proxies, block, len(c.policies)) {
				t, err := c.undisturbed(ctx, f, i, proxies, block)
				if err != nil {
					return nil, fmt.Errorf("%s, block %d: %w", c.policies[i].name, block+1, err)
				}
				turns[i] = append(turns[i], t)
			}
		}
		r := newFleetResult(proxies, c.policies, turns, c.o.seed, c.o.maxDelay)
		if err := r.write(c.stdout); err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// undisturbed takes a turn, and takes it again where the machine had no time for it. That
// looks at when requests were sent, not at what became of them.
func (c *comparison) undisturbed(ctx context.Context, f *lab.Fleet, i, proxies, block int) (t compareTurn, err error) {
	for range 1 + c.o.again {
		if t, err = c.turn(ctx, f, i, proxies, block); err != nil || !t.disturbed(c.o.maxDelay) {
			break
		}
		fmt.Fprintf(c.stderr, "%2d proxies, block %d, %s was disturbed\n", proxies, block+1, c.policies[i].name)
	}
	return t, err
}

// turn lets a policy decide in a block.
func (c *comparison) turn(ctx context.Context, f *lab.Fleet, i, proxies, block int) (t compareTurn, err error) {
	p, seed := c.policies[i], blockSeed(c.o.seed, block)
	if p.fairway {
		stop, failed := c.startFairway(ctx, f, i, fmt.Sprintf("%s-%d-%d", p.name, proxies, block+1))
		if failed != nil {
			return t, failed
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	faults := blockFaults(seed, c.service, c.o.block)
	taken, err := f.Take(ctx, lab.Turn{
		Name: p.name, Recipe: c.recipes[i], Place: c.placeOf(p), Proxies: proxies, Seed: seed,
		Settle: c.o.settle, Length: c.o.block, Faults: faults,
	})
	if err != nil {
		return t, err
	}
	t = newTurn(taken, c.o.block, c.service.Classes[0].Deadline, faults[0].Endpoint)
	fmt.Fprintf(c.stderr, "%2d proxies, block %d, %-18s  p50 %4.0f ms  p99 %4.0f ms  %4d of %d failed; sent late by %v at p99\n",
		proxies, block+1, p.name, 1e3*percentile(t.took, 50), 1e3*percentile(t.took, 99), t.failed, len(t.took), t.sent.Round(100*time.Microsecond))
	return t, nil
}

func (c *comparison) placeOf(p comparePolicy) lab.Place {
	place := c.place
	place.Balance, place.Fairway = p.balance, p.fairway
	return place
}

// warm lets requests come before the first block: the first turn is like the others
// then, before which there was one.
func (c *comparison) warm(ctx context.Context, f *lab.Fleet) error {
	_, err := f.Take(ctx, lab.Turn{
		Name: "warm-up", Recipe: c.recipes[0], Place: c.placeOf(c.policies[0]), Proxies: c.o.proxies[0],
		Seed: blockSeed(c.o.seed, -1), Length: c.o.warmUp,
	})
	return err
}

// tell writes what is asked for beside the tables.
func (c *comparison) tell(results []*fleetResult) error {
	f := fleetFigures{
		Seed: c.o.seed, Load: c.o.load, Rate: c.service.Rate, Blocks: c.o.blocks,
		BlockS: c.o.block.Seconds(), SettleS: c.o.settle.Seconds(),
	}
	for _, r := range results {
		f.Fleets = append(f.Fleets, r.figures())
	}
	if c.o.report != "" {
		if err := writeFile(c.o.report, func(w io.Writer) error { return c.page(results).Write(w) }); err != nil {
			return err
		}
	}
	if c.o.json {
		return writeFigures(c.stdout, f)
	}
	return nil
}
