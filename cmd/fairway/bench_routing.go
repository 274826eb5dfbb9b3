package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/replay/tune"
)

// routingSubset is what `fairway bench routing` runs without --all: one of
// every kind, and those that a claim is about, within ten minutes of two cores.
var routingSubset = []string{
	"azure-conversation", "basic", "bursty", "c3-fluctuating-200", "decisions-prompt", "fleet-10", "gray-failure-10", "half-slow-75", "half-slow-94",
	"nine-rules-90", "one-slow", "ramp-to-failure-leak", "ramp-to-failure-saturation", "rolling-deploy", "shift-load", "shift-speeds", "shift-work",
	"sink-hole", "speeds-5", "stale-10-50", "stale-20-1", "stale-50-10", "stale-300-1", "stale-300-50", "stall", "zone-loss",
}

// routingRivals are all that live on the metrics that are scraped.
var routingRivals = []string{"wrr_metrics", "pid", "curve_solver", "board", "load_interpretation", "ewma_weights"}

// Others that ours is held against.
const (
	routingRandom = tune.Reference                // random by capacity
	routingRules  = "static/weighted_round_robin" // the rules alone, of which there are none: equal weights
	routingProbes = "prequal"                     // who is told what is in flight now
)

type routingOptions struct {
	all               bool
	scenarios, rivals []string
	model, shifted    string
	tuned             string
	ours, native      string
	seeds             int
	seed              uint64
}

type routingBench struct {
	o      routingOptions
	model  *model.Model
	shift  *model.Model // trained on another service
	tuned  *tune.Results
	log    io.Writer
	stdout io.Writer
}

func newBenchRoutingCommand() *cobra.Command {
	o := routingOptions{}
	cmd := &cobra.Command{
		Use:   "routing",
		Short: "hold fairway against tuned rivals in the built-in scenarios",
		Long: `Runs fairway and every rival that lives on the same metrics through the
built-in scenarios, with the parameters that fairway tune found for each, and
says where fairway is better, where it is not, and which of its claims hold. The
last line is JSON. Without --all a fixed part of the scenarios: some minutes on
two cores; all take about four times as long. docs/routing-evaluation.md says
what is compared and how.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := newRoutingBench(cmd, o)
			if err != nil {
				return err
			}
			figures, err := b.run(cmd.Context())
			if err != nil {
				return err
			}
			if err := figures.writeText(b.stdout); err != nil {
				return err
			}
			return json.NewEncoder(b.stdout).Encode(figures)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.all, "all", false, "all built-in scenarios")
	flags.StringSliceVar(&o.scenarios, "scenario", nil, "these scenarios instead")
	flags.StringVar(&o.model, "model", "", "model (default the one that ships); none: none")
	flags.StringVar(&o.shifted, "shift-model", "", "model of another service for the shift scenarios (default the same)")
	flags.StringVar(&o.ours, "ours", "fairway/weighted_round_robin", "what competes on metrics alone")
	flags.StringVar(&o.native, "native", "fairway/hot_cold", "what competes with Prequal, knowing what is in flight; empty: nothing")
	flags.StringSliceVar(&o.rivals, "rivals", routingRivals, "what competes on metrics alone with ours")
	flags.StringVar(&o.tuned, "tuned", "", "what fairway tune wrote of the rivals (default what ships)")
	flags.IntVar(&o.seeds, "seeds", 10, "runs of each in each scenario")
	flags.Uint64Var(&o.seed, "seed", 1, "the first seed")
	return cmd
}

func newRoutingBench(cmd *cobra.Command, o routingOptions) (*routingBench, error) {
	b := &routingBench{o: o, log: cmd.ErrOrStderr(), stdout: cmd.OutOrStdout()}
	if o.seeds < 2 {
		return nil, usagef("--seeds is %d; want 2 or more, and 10 to tell anything", o.seeds)
	}
	if len(o.rivals) == 0 || o.ours == "" {
		return nil, usagef("--ours and --rivals want a strategy each")
	}
	var err error
	switch o.model {
	case "":
		b.model, err = bundledModel(routingModelFile)
	case noModel:
	default:
		b.model, err = model.Load(o.model)
	}
	if err != nil {
		return nil, err
	}
	if b.model == nil {
		fmt.Fprintln(b.log, "there is no model: fairway falls back to the rules throughout; --model names one")
	}
	b.shift = b.model
	if o.shifted != "" {
		if b.shift, err = model.Load(o.shifted); err != nil {
			return nil, err
		}
	}
	if b.tuned = tune.Bundled(); o.tuned != "" {
		text, err := os.ReadFile(o.tuned)
		if err != nil {
			return nil, err
		}
		if b.tuned, err = tune.Read(o.tuned, text); err != nil {
			return nil, err
		}
	}
	switch {
	case len(o.scenarios) > 0 && o.all:
		return nil, usagef("--scenario and --all exclude each other")
	case o.all:
		b.o.scenarios = sim.Builtins()
	case len(o.scenarios) == 0:
		b.o.scenarios = routingSubset
	}
	for _, name := range b.o.scenarios {
		if _, err := loadScenario(name); err != nil {
			return nil, err
		}
	}
	names := []string{o.ours}
	for _, name := range o.rivals {
		names = append(names, b.tuned.Tuned(name))
	}
	if o.native != "" {
		names = append(names, o.native, b.tuned.Tuned(routingProbes))
	}
	_, err = entriesFor(names, b.model, nil)
	return b, err
}

func (b *routingBench) run(ctx context.Context) (*routingFigures, error) {
	f := &routingFigures{Ours: b.o.ours, Native: b.o.native, Seeds: b.o.seeds, Level: routingLevel, Tuned: map[string]string{}}
	if b.model != nil {
		f.Model = b.model.Name
	}
	for _, name := range append(slices.Clone(b.o.rivals), routingProbes) {
		f.Tuned[name] = b.tuned.Tuned(name)
	}
	for i, name := range b.o.scenarios {
		start := time.Now()
		s, err := sim.Load(name)
		if err != nil {
			return nil, err
		}
		one, err := b.scenario(ctx, s)
		if err != nil {
			return nil, err
		}
		f.Scenarios = append(f.Scenarios, *one)
		fmt.Fprintf(b.log, "%2d/%d %-28s %6.1f s  mean %s  p99 %s\n", i+1, len(b.o.scenarios), name, time.Since(start).Seconds(), one.Mean.brief(), one.P99.brief())
	}
	f.judge()
	return f, nil
}

// scenario lets all that matter there compete in one scenario.
func (b *routingBench) scenario(ctx context.Context, s *sim.Scenario) (*routingScenario, error) {
	cfg := contest.DefaultConfig()
	cfg.FirstSeed, cfg.Seeds, cfg.Level = b.o.seed, b.o.seeds, routingLevel
	findings, err := contest.Run(ctx, []*sim.Scenario{s}, b.entries(ctx, s), cfg)
	if err != nil {
		return nil, err
	}
	out := compareRouting(&findings.Comparisons[0], b.o.rivals)
	out.ninety = atNinety(s)
	return out, nil
}
