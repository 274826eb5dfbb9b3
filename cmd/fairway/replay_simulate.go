package main

import (
	"context"
	"io"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/replay/fitted"
	"github.com/fairway-mesh/fairway/router/rules"
)

// simulateFitted lets the policies of a replay compete in a mesh that is fitted
// to the recording, with what arrived in the part that the replay judges.
func simulateFitted(ctx context.Context, stderr io.Writer, r *datasets.Recording, m *model.Model, set *rules.Set, judged replay.Config, services []string, o replayOptions) (*fitted.Result, error) {
	entries, err := entriesFor(o.policies, m, set)
	if err != nil {
		return nil, err
	}
	cfg := fitted.DefaultConfig()
	cfg.From, cfg.Timing = judged.From, m.Timing
	cfg.Fit.Proxies, cfg.Fit.Seed = max(o.proxies, 1), o.seed
	cfg.Contest.Reference, cfg.Contest.FirstSeed, cfg.Contest.Level, cfg.Contest.Margins = o.reference, o.seed, judged.Level, judged.Margins
	if o.seeds > 0 {
		cfg.Contest.Seeds = o.seeds
	}
	cfg.Fitting, cfg.Contest.Progress = counting(stderr, "fitting"), counting(stderr, "simulating")
	return fitted.Run(ctx, r, services, entries, cfg)
}
