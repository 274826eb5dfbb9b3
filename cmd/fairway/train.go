package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/train"
)

type trainOptions struct {
	recordings                []string
	out, schema, report       string
	against                   string // model file
	cache                     string // as of cacheFlag
	window, horizon, deadline time.Duration
	config                    train.Config
}

func newTrainCommand() *cobra.Command {
	o := trainOptions{config: train.DefaultConfig()}
	network := string(o.config.Network)
	cmd := &cobra.Command{
		Use:   "train",
		Short: "fit a routing network and a failure forecast on recordings",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "recording", "out"); err != nil {
				return err
			}
			if o.window < 0 || o.horizon < 0 {
				return usagef("--window is %v and --horizon %v; want times above 0", o.window, o.horizon)
			}
			o.config.Network, o.config.Objective.Deadline = model.Kind(network), o.deadline
			if err := o.config.Validate(); err != nil {
				return usageError{err}
			}
			if o.against != "" && o.report == "" {
				return usagef("--against is for the report; give --report FILE.html too")
			}
			return trainAll(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.recordings, "recording", nil, "recording or dump to learn from; may be given again")
	flags.StringVar(&o.out, "out", "", "model file to write")
	flags.StringVar(&o.schema, "schema", "", "schema file or built-in name; without it the recording's, or the one that fits")
	flags.DurationVar(&o.window, "window", 0, "time between decisions (default the schema's, else 15s)")
	flags.DurationVar(&o.horizon, "horizon", 0, "how far to look ahead (default 1m0s, at least three windows)")
	flags.StringVar(&network, "network", network, "routing network: outcome, softmax or fixed5")
	flags.IntVar(&o.config.Epochs, "epochs", o.config.Epochs, "epochs at most; training stops early")
	flags.DurationVar(&o.deadline, "deadline", o.config.Objective.Deadline, "what a failed request costs")
	flags.Uint64Var(&o.config.Seed, "seed", o.config.Seed, "seed of everything random")
	flags.StringVar(&o.report, "report", "", "file for the report: a page when it ends in .html, JSON when in .json, else text")
	flags.StringVar(&o.against, "against", "", "model in use, which the report judges the new one against (a page always says what the rules alone would do)")
	cacheFlag(cmd, &o.cache)
	return cmd
}

func trainAll(ctx context.Context, stdout, stderr io.Writer, o trainOptions) error {
	_, report, err := fit(ctx, stderr, o)
	if err != nil {
		return err
	}
	if err := report.WriteText(stdout); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "\nwrote %s\n", o.out)
	return err
}

// fit trains, and writes the model and the report to their files.
func fit(ctx context.Context, stderr io.Writer, o trainOptions) (*model.Model, *train.Report, error) {
	o.config.MadeBy = "fairway train"
	o.config.Name = strings.TrimSuffix(filepath.Base(o.out), filepath.Ext(o.out))
	for _, path := range []string{o.out, o.report} {
		if path == "" {
			continue
		}
		if err := place(path); err != nil {
			return nil, nil, err
		}
	}
	old, err := o.modelInUse()
	if err != nil {
		return nil, nil, err
	}
	set, err := collect(ctx, stderr, o)
	if err != nil {
		return nil, nil, err
	}
	o.config.Progress = trainingProgress(stderr)
	m, report, err := train.Fit(ctx, set, o.config)
	if err != nil {
		return nil, nil, err
	}
	if err := model.Save(o.out, m); err != nil {
		return nil, nil, err
	}
	return m, report, o.writeReport(ctx, stderr, m, old, report)
}

// collect walks every recording with the first one's schema and timing: a
// model answers to one set of queries.
func collect(ctx context.Context, stderr io.Writer, o trainOptions) (*train.Set, error) {
	var sets []*train.Set
	var schema *mesh.Schema
	var timing mesh.Timing
	cache := openCache(stderr, o.cache)
	for _, path := range o.recordings {
		recording, err := openAgain(ctx, path, o.schema, schema)
		if err != nil {
			return nil, err
		}
		tellChoice(stderr, recording)
		recording.Cache = cache
		if schema == nil {
			schema, timing = recording.Schema, recording.Timing(o.window, o.horizon)
			if o.window != 0 && o.window != timing.Step {
				fmt.Fprintf(stderr, "fairway: %s: --window %v is less than the time between two scrapes; %v is taken\n", path, o.window, timing.Step)
			}
		}
		set, err := train.Collect(ctx, recording, timing, o.config)
		if err := firstError(err, recording.Close()); err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return train.Merge(sets...)
}

// tellChoice says which schema was taken, and which fit too, where nobody chose.
func tellChoice(stderr io.Writer, r *datasets.Recording) {
	if r.Recognition == nil {
		return
	}
	if others := r.Recognition.Others(r.Schema.Name); others != "" {
		fmt.Fprintf(stderr, "fairway: %s: schema %s is taken; what fits too: %s; --schema chooses\n", r.Path, r.Schema.Name, others)
	}
}

func openAgain(ctx context.Context, path, name string, schema *mesh.Schema) (*datasets.Recording, error) {
	if schema != nil {
		return datasets.OpenWith(ctx, path, schema)
	}
	return datasets.Open(ctx, path, name)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// trainingProgress draws a bar for each of the networks in turn.
func trainingProgress(stderr io.Writer) func(stage string, epoch, epochs int, loss, validation float64) {
	var bar *progressbar.ProgressBar
	last := ""
	return func(stage string, epoch, epochs int, loss, validation float64) {
		if stage != last {
			bar, last = newProgress(stderr, stage, epochs), stage
		}
		bar.Describe(fmt.Sprintf("%s: loss %.4f, validation %.4f", stage, loss, validation))
		_ = bar.Set(epoch) // a bar that cannot be drawn stops nothing
	}
}

func writeIndented(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
