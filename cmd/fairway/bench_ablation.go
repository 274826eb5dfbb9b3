package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// ablationSlow is left out unless --scenario names it: it takes longer than all
// others together.
const ablationSlow = "theory-90"

type ablationOptions struct {
	directory            string
	scenarios, pickers   []string
	recordings           string
	reference            string
	seeds                int
	seed                 uint64
	cache                string
	budget               time.Duration
	costs                bool
	training, validation int
	epochs               int
}

type ablationBench struct {
	o      ablationOptions
	models ablationModels
	log    io.Writer
}

func newBenchAblationCommand() *cobra.Command {
	o := ablationOptions{recordings: "datasets/recordings", reference: "capacity", cache: cacheOff, costs: true}
	cmd := &cobra.Command{
		Use:   "ablation --models DIR",
		Short: "hold the parts of fairway and the forms that it began with against each other",
		Long: `Runs fairway, fairway without each of its parts, its formula alone, the networks
softmax and fixed5 and the rules of thumb, each against each: in the built-in
scenarios with the same picker, and on the recording lab-test. Models that are
not in DIR are made and stay there; they learn from random meshes, from a
service of five endpoints and from lab-train. Prints Markdown, as
docs/ablation.md has it; the last line is JSON.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "models"); err != nil {
				return err
			}
			if err := o.validate(); err != nil {
				return err
			}
			models, err := o.make(cmd)
			if err != nil {
				return err
			}
			b := &ablationBench{o, models, cmd.ErrOrStderr()}
			figures, err := b.run(cmd.Context())
			if err != nil {
				return err
			}
			if err := figures.writeText(cmd.OutOrStdout()); err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(figures)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.directory, "models", "", "directory of the models; what is not there is made")
	flags.StringSliceVar(&o.scenarios, "scenario", nil, "these scenarios (default all that are built in, but "+ablationSlow+", and the five endpoints of fixed5)")
	flags.StringSliceVar(&o.pickers, "pickers", []string{turns, draws}, "pickers that use the weights, a table for each")
	flags.StringVar(&o.recordings, "recordings", o.recordings, "directory of lab-train, lab-validation and lab-test; empty: no recording")
	flags.StringVar(&o.reference, "reference", o.reference, "what all others are compared with")
	flags.IntVar(&o.seeds, "seeds", 2, "runs of each in each scenario")
	flags.Uint64Var(&o.seed, "seed", 1, "the first seed")
	flags.DurationVar(&o.budget, "budget", 0, "time from which on no further scenario begins, with each picker; what is left out is named; 0: all are run")
	flags.BoolVar(&o.costs, "costs", o.costs, "time the decisions")
	flags.IntVar(&o.training, "training", 60, "how many meshes are recorded for training")
	flags.IntVar(&o.validation, "validation", 16, "how many for validation")
	flags.IntVar(&o.epochs, "epochs", 40, "epochs of every training at most")
	cacheFlag(cmd, &o.cache)
	return cmd
}

func (o *ablationOptions) validate() error {
	switch {
	case o.seeds < 1:
		return usagef("--seeds is %d; want 1 or more", o.seeds)
	case len(o.pickers) == 0:
		return usagef("--pickers names none; want one such as %s", turns)
	case o.training < 1 || o.validation < 1 || o.epochs < 1:
		return usagef("--training is %d, --validation %d and --epochs %d; want 1 or more of each", o.training, o.validation, o.epochs)
	case !slices.Contains(ablationNames(), o.reference):
		return usagef("--reference is %q; want one of %q", o.reference, ablationNames())
	}
	for _, name := range o.pickers {
		if _, err := pickerNamed(name); err != nil {
			return usageError{err}
		}
	}
	for _, name := range o.scenarios {
		if _, err := loadScenario(name); err != nil {
			return err
		}
	}
	return nil
}

func (b *ablationBench) run(ctx context.Context) (*ablationFigures, error) {
	names := b.o.scenarios
	if len(names) == 0 {
		names = slices.DeleteFunc(slices.Clone(sim.Builtins()), func(name string) bool { return name == ablationSlow })
		names = append(names, filepath.Join(b.o.directory, fiveFile))
	}
	f := &ablationFigures{Reference: b.o.reference, FirstSeed: b.o.seed, Seeds: b.o.seeds, Level: routingLevel}
	for _, picker := range b.o.pickers {
		part, began := ablationPart{Picker: picker}, time.Now()
		for i, name := range names {
			start := time.Now()
			if b.o.budget > 0 && start.Sub(began) > b.o.budget {
				part.LeftOut = append(part.LeftOut, name)
				continue
			}
			s, err := sim.Load(name)
			if err != nil {
				return nil, err
			}
			c, err := b.scenario(ctx, s, picker)
			if err != nil {
				return nil, err
			}
			part.add(c)
			fmt.Fprintf(b.log, "%s %2d/%d %-28s %6.1f s\n", picker, i+1, len(names), s.Name, time.Since(start).Seconds())
		}
		part.judge(f.Reference, f.Level)
		f.Pickers = append(f.Pickers, part)
	}
	var err error
	if b.o.costs {
		if f.Costs, err = b.costs(ctx); err != nil {
			return nil, err
		}
	}
	if b.o.recordings != "" {
		f.Recorded, err = b.recorded(ctx)
	}
	return f, err
}

// scenario lets all that fit compete in one scenario.
func (b *ablationBench) scenario(ctx context.Context, s *sim.Scenario, picker string) (*contest.Comparison, error) {
	cfg := contest.DefaultConfig()
	cfg.FirstSeed, cfg.Seeds, cfg.Level, cfg.Reference = b.o.seed, b.o.seeds, routingLevel, b.o.reference
	findings, err := contest.Run(ctx, []*sim.Scenario{s}, b.entries(s, picker), cfg)
	if err != nil {
		return nil, err
	}
	return &findings.Comparisons[0], nil
}
