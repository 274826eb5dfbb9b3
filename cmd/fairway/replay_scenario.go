package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// defaultStrategies are what people run, the best that is published, and what
// is served.
var defaultStrategies = []string{"round_robin", "least_request", "peak_ewma", "prequal", "fairway"}

// replayScenarios lets the strategies compete.
func replayScenarios(ctx context.Context, out, stderr io.Writer, o replayOptions) error {
	findings, err := compete(ctx, stderr, o)
	if err != nil {
		return err
	}
	if o.report != "" {
		if err := reportFindings(findings, o); err != nil {
			return err
		}
	}
	if o.json {
		return json.NewEncoder(out).Encode(findings)
	}
	return findings.WriteText(out)
}

func compete(ctx context.Context, stderr io.Writer, o replayOptions) (*contest.Findings, error) {
	var scenarios []*sim.Scenario
	for _, name := range o.scenarios {
		s, err := loadScenario(name)
		if err != nil {
			return nil, err
		}
		scenarios = append(scenarios, s)
	}
	entries, err := entriesNamed(o)
	if err != nil {
		return nil, err
	}
	cfg := contest.DefaultConfig()
	cfg.Reference, cfg.FirstSeed, cfg.Seeds = o.reference, o.seed, o.seeds
	if cfg.Reference == "" {
		cfg.Reference = o.policies[0]
	}
	cfg.Progress = counting(stderr, "simulating")
	return contest.Run(ctx, scenarios, entries, cfg)
}

// counting draws a bar of what is done.
func counting(stderr io.Writer, what string) func(done, all int) {
	var bar *progressbar.ProgressBar
	return func(done, all int) {
		if bar == nil {
			bar = newProgress(stderr, what, all)
		}
		_ = bar.Set(done) // a bar that cannot be drawn stops nothing
	}
}

// loadScenario reads a scenario; a name that is neither built in nor a file is
// a wrong call.
func loadScenario(name string) (*sim.Scenario, error) {
	s, err := sim.Load(name)
	if err == nil {
		return s, nil
	}
	if errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(name, `/\.#`) && !slices.Contains(sim.Builtins(), name) {
		return nil, usagef("--scenario %s: %w", name, err)
	}
	return nil, err
}

// entriesNamed makes the strategies once, so that a name that is none is told
// before the work; each run then gets one of its own.
func entriesNamed(o replayOptions) ([]contest.Entry, error) {
	switch {
	case len(o.policies) == 0:
		return nil, usagef("--policies names none; fairway replay --list names the strategies")
	case len(slices.Compact(slices.Sorted(slices.Values(o.policies)))) < len(o.policies):
		return nil, usagef("--policies names a strategy twice: %q", o.policies)
	case o.reference != "" && !slices.Contains(o.policies, o.reference):
		return nil, usagef("--reference is %q; want one of %q", o.reference, o.policies)
	}
	var m *model.Model
	if o.model != "" {
		var err error
		if m, err = model.Load(o.model); err != nil {
			return nil, err
		}
	}
	set, err := compileRules(o.rules)
	if err != nil {
		return nil, err
	}
	return entriesFor(o.policies, m, set)
}

func entriesFor(names []string, m *model.Model, set *rules.Set) ([]contest.Entry, error) {
	var entries []contest.Entry
	for _, name := range names {
		build := func() (router.Strategy, error) { return router.StrategyNamed(name, m, set, router.DefaultConfig()) }
		if _, err := build(); err != nil {
			return nil, usageError{fmt.Errorf("%w (fairway replay --list says what each is)", err)}
		}
		entries = append(entries, contest.Entry{Name: name, New: build})
	}
	return entries, nil
}
