package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

type replayOptions struct {
	recording, model, schema, rules string
	policies                        []string
	reference                       string
	seed                            uint64
	json, all                       bool
	cache                           string // as of cacheFlag
}

func newReplayCommand() *cobra.Command {
	var o replayOptions
	var list bool
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "say what policies would have been worth on the held-back last part of a recording",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list {
				for _, name := range router.Names() {
					fmt.Fprintln(cmd.OutOrStdout(), name)
				}
				return nil
			}
			if err := needed(cmd, "recording", "model"); err != nil {
				return err
			}
			if err := o.validate(); err != nil {
				return err
			}
			return replayAll(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.recording, "recording", "", "recording or dump to walk through")
	flags.StringVar(&o.model, "model", "", "model file, or a registry directory")
	flags.StringVar(&o.schema, "schema", "", "schema file or built-in name; without it the model's")
	flags.StringVar(&o.rules, "rules", "", "rules file")
	flags.StringSliceVar(&o.policies, "policies", defaultPolicies, "policies to compare")
	flags.StringVar(&o.reference, "reference", "", "policy that the others are compared with (default the first)")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the intervals")
	flags.BoolVar(&o.all, "all", false, "judge the whole recording, not only what the model has not seen: for a recording it was not trained on")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.BoolVar(&list, "list", false, "name the policies")
	cacheFlag(cmd, &o.cache)
	return cmd
}

// validate refuses a comparison that could not be made, before the work.
func (o *replayOptions) validate() error {
	rows := slices.Concat(o.policies, []string{replay.AsRecorded, replay.HindsightBest})
	switch {
	case len(o.policies) == 0:
		return usagef("--policies names none; want some of %q", router.Names())
	case len(slices.Compact(slices.Sorted(slices.Values(rows)))) < len(rows):
		return usagef("--policies names a policy twice: %q", o.policies)
	case o.reference != "" && !slices.Contains(rows, o.reference):
		return usagef("--reference is %q; want one of %q", o.reference, rows)
	}
	return nil
}

// defaultPolicies are what people run, and what is served.
var defaultPolicies = []string{"round_robin", "least_latency", "performance_aware", "fairway"}

func replayAll(ctx context.Context, out, stderr io.Writer, o replayOptions) error {
	m, recording, err := openFor(ctx, o.model, o.recording, o.schema)
	if err != nil {
		return err
	}
	defer recording.Close()
	recording.Cache = openCache(stderr, o.cache)
	table, err := judge(ctx, recording, m, o)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(out).Encode(table)
	}
	return table.WriteText(out)
}

func judge(ctx context.Context, recording *datasets.Recording, m *model.Model, o replayOptions) (*replay.Table, error) {
	file := &rules.File{}
	var err error
	if o.rules != "" {
		if file, err = rules.Load(o.rules); err != nil {
			return nil, err
		}
	}
	set, err := rules.Compile(file)
	if err != nil {
		return nil, err
	}
	policies, err := policiesNamed(o.policies, m, set)
	if err != nil {
		return nil, err
	}
	recording.Identify = set.Identify
	config := replay.DefaultConfig()
	config.Recording, config.Reference, config.Seed = o.recording, o.reference, o.seed
	config.Timing, config.Objective, config.Unidentified = m.Timing, m.Objective, m.Card.Unidentified
	// A decision answers for the time that it is in force, not for as far as the
	// forecast looks: judged by more, whoever reacts pays for what it had left.
	config.Timing.Horizon = m.Timing.InForce()
	config.Objectives = objectives(file)
	if !o.all {
		config.From = recording.Split(m.Timing).TestStart
		if part := recording.Manifest.Part; part == datasets.Train || part == datasets.Validation {
			return nil, fmt.Errorf("%s: all of it is for %v, nothing is held back; judge a recording for test, or this one with --all", o.recording, part)
		}
		if _, end := recording.Dump.Span(); end.Before(config.From.Add(m.Timing.Horizon)) {
			return nil, fmt.Errorf("%s: the held-back part, from %s, is shorter than the horizon of %v; judge the whole recording with --all, or record longer",
				o.recording, config.From.Format(time.RFC3339), m.Timing.Horizon)
		}
	}
	trace, err := replay.Run(recording.Pairs(ctx, config.Timing, features.New(m.FeatureConfig())), policies, config)
	if err != nil {
		return nil, err
	}
	if recording.HasRequests() {
		if err := trace.Weigh(recording.Requests()); err != nil {
			return nil, err
		}
	}
	return trace.Table(), nil
}

func policiesNamed(names []string, m *model.Model, set *rules.Set) ([]router.Policy, error) {
	var policies []router.Policy
	for _, name := range names {
		policy, err := router.Named(name, m, set, router.DefaultConfig())
		if err != nil {
			return nil, usageError{err}
		}
		policies = append(policies, policy)
	}
	return policies, nil
}

// objectives are those that the rules give to services.
func objectives(file *rules.File) map[string]mesh.Objective {
	given := map[string]mesh.Objective{}
	for _, service := range file.Services {
		if service.Objective.Deadline > 0 {
			given[service.Name] = service.Objective
		}
	}
	return given
}
