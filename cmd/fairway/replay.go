package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/load"
)

type replayOptions struct {
	recording, model, schema, rules string
	scenarios                       []string
	policies                        []string
	reference                       string
	seed                            uint64
	seeds                           int
	json, all                       bool
	simulate                        bool
	proxies                         int
	requests                        *requestsOptions
	report                          string // file
	cache                           string // as of cacheFlag
}

func newReplayCommand() *cobra.Command {
	o := replayOptions{requests: newRequestsOptions()}
	var list bool
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "compare policies on recorded history, or strategies in the simulated mesh",
		Long: `With --recording, says what policies would have been worth on the held-back
last part of a recording. --simulate adds what they do in a mesh that is fitted
to it, where an endpoint that is sent more becomes slower; --requests FILE… takes
a proxy's access log in place of the recording's own request log. With
--scenario, lets strategies (a policy that sets
weights, if any, and a picker that uses them) compete in the simulated mesh, each
with the same seeds. Either way a verdict says whether to promote, and by which
rule. --list names what there is.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(o.requests.logs) > 0 { // what follows --requests are further logs
				return nil
			}
			return noArguments(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.requests.logs = append(o.requests.logs, args...)
			if list {
				return listReplay(cmd.OutOrStdout())
			}
			if err := o.contradictions(cmd); err != nil {
				return err
			}
			if o.report != "" {
				if err := place(o.report); err != nil {
					return err
				}
			}
			if len(o.scenarios) > 0 {
				return replayScenarios(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o)
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
	flags.StringSliceVar(&o.scenarios, "scenario", nil, "scenario file (FILE#VARIANT where it holds several) or built-in name; may be given again")
	flags.StringVar(&o.model, "model", "", "model file, or a registry directory; not needed with --scenario, where what asks it falls back")
	flags.StringVar(&o.schema, "schema", "", "schema file or built-in name; without it the model's")
	flags.StringVar(&o.rules, "rules", "", "rules file")
	flags.StringSliceVar(&o.policies, "policies", nil, "policies or, in a scenario, strategies to compare (default "+strings.Join(defaultPolicies, ",")+"; in a scenario "+strings.Join(defaultStrategies, ",")+")")
	flags.StringVar(&o.reference, "reference", "", "policy that the others are compared with (default the first)")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the intervals; in a scenario the first of the seeds")
	flags.IntVar(&o.seeds, "seeds", 0, "runs of each strategy in a scenario (default as the scenario says), or of each policy with --simulate (default 10)")
	flags.BoolVar(&o.all, "all", false, "judge the whole recording, not only what the model has not seen: for a recording it was not trained on")
	flags.BoolVar(&o.simulate, "simulate", false, "fit a simulated mesh to the recording, and let the policies compete in it too")
	flags.IntVar(&o.proxies, "proxies", 1, "proxies of the mesh that --simulate fits, each with a picker of its own; no recording tells")
	o.requests.readFlags(cmd)
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.StringVar(&o.report, "report", "", "file for the report, one page of HTML")
	flags.BoolVar(&list, "list", false, "name the policies, the strategies and the scenarios")
	cacheFlag(cmd, &o.cache)
	return cmd
}

// contradictions refuses flags of which one would have no say.
func (o *replayOptions) contradictions(cmd *cobra.Command) error {
	given := cmd.Flag("scenario").Changed
	switch {
	case given && len(o.scenarios) == 0:
		return usagef("--scenario names none; want a file, or one of %q", sim.Builtins())
	case cmd.Flag("seeds").Changed && o.seeds < 1:
		return usagef("--seeds is %d; want 1 or more, 10 for intervals that can be relied on", o.seeds)
	case given:
		return o.contradictScenario(cmd)
	case cmd.Flag("seeds").Changed && !o.simulate:
		return usagef("--seeds is for --scenario and --simulate: a recording happened once, and its intervals are of resampled blocks; leave it out, or choose what is drawn with --seed")
	case cmd.Flag("proxies").Changed && !o.simulate:
		return usagef("--proxies is for --simulate: no proxy is simulated without it")
	case o.proxies < 1:
		return usagef("--proxies is %d; want 1 or more", o.proxies)
	case !cmd.Flag("recording").Changed:
		return usagef("fairway replay needs --recording (and --model), or --scenario: %s", cmd.Flag("scenario").Usage)
	}
	if !cmd.Flag("policies").Changed {
		o.policies = defaultPolicies
	}
	return o.requests.contradictions(cmd)
}

func (o *replayOptions) contradictScenario(cmd *cobra.Command) error {
	for _, name := range slices.Concat([]string{"recording", "schema", "all", "cache", "simulate", "proxies", "requests"}, readFlagNames) {
		if cmd.Flag(name).Changed {
			return usagef("--%s is for recorded history and --scenario for the simulated mesh; leave one of them out", name)
		}
	}
	if !cmd.Flag("policies").Changed {
		o.policies = defaultStrategies
	}
	return nil
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
	case o.simulate && o.reference != "" && !slices.Contains(o.policies, o.reference):
		return usagef("--reference is %q, which is no policy and cannot be simulated; want one of %q, or no --simulate", o.reference, o.policies)
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
	foretold := &calibration{}
	table, err := judge(ctx, stderr, recording, m, o, foretold)
	if err != nil {
		return err
	}
	if o.report != "" {
		if err := reportRecording(ctx, recording, table, foretold.points(), o); err != nil {
			return err
		}
	}
	if o.json {
		return json.NewEncoder(out).Encode(table)
	}
	return table.WriteText(out)
}

// judge walks the policies through a recording; foretold takes note of what the
// model predicts beside it.
func judge(ctx context.Context, stderr io.Writer, recording *datasets.Recording, m *model.Model, o replayOptions, foretold *calibration) (*replay.Table, error) {
	file := &rules.File{}
	var err error
	if o.rules != "" {
		if file, _, err = load.Load(o.rules); err != nil {
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
	if o.requests != nil && len(o.requests.logs) > 0 {
		if err := o.requests.join(ctx, stderr, recording); err != nil {
			return nil, err
		}
	}
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
	if err := foretold.begin(m, config.From, config.Timing.Horizon); err != nil {
		return nil, err
	}
	pairs := recording.Pairs(ctx, config.Timing, features.New(m.FeatureConfig()))
	trace, err := replay.Run(foretold.watch(pairs), policies, config)
	if err != nil {
		return nil, err
	}
	if recording.HasRequests() {
		if err := trace.Weigh(recording.Requests()); err != nil {
			return nil, err
		}
	}
	if o.simulate {
		simulated, err := simulateFitted(ctx, stderr, recording, m, set, config, trace.Services(), o)
		if err != nil {
			return nil, err
		}
		trace.Simulate(simulated)
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
