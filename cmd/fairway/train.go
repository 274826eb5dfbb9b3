package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router/rules/load"
	"github.com/fairway-mesh/fairway/train"
)

type trainOptions struct {
	recordings                []string
	out, schema, report       string
	against                   string // model file
	cache                     string // as of cacheFlag
	window, horizon, deadline time.Duration
	checkpoint, resume        bool
	warm                      string // an earlier model
	rules                     string // file
	budget                    time.Duration
	config                    train.Config
}

// checkpointOf is the file that keeps how far the training of a model has come.
func checkpointOf(out string) string { return out + ".checkpoint" }

func newTrainCommand() *cobra.Command {
	o := trainOptions{checkpoint: true, config: train.DefaultConfig()}
	network := string(o.config.Network)
	cmd := &cobra.Command{
		Use:   "train",
		Short: "fit a routing network and a failure forecast on recordings",
		Long: `train learns from recordings, of the simulator and of real meshes alike, each
looked at as often as its manifest or its schema says. The model is served as the
first of them is looked at.

Memory does not grow with the recordings: of more than --rows a part is drawn, by
regime, so that rare ones survive. A training that was stopped or killed is gone
on with by the same command and --resume, and gives the same model.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "recording", "out"); err != nil {
				return err
			}
			if err := o.complete(cmd, network); err != nil {
				return err
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
	flags.DurationVar(&o.window, "window", 0, "time between decisions, of all recordings (default each recording's own, else its schema's)")
	flags.DurationVar(&o.horizon, "horizon", 0, "how far to look ahead (default each recording's own: 1m0s, at least three windows; the forecast's is the first one's)")
	flags.StringVar(&network, "network", network, "routing network: outcome, softmax or fixed5")
	flags.IntVar(&o.config.Epochs, "epochs", o.config.Epochs, "epochs at most; training stops early")
	flags.DurationVar(&o.deadline, "deadline", o.config.Objective.Deadline, "what a failed request costs")
	flags.Uint64Var(&o.config.Seed, "seed", o.config.Seed, "seed of everything random")
	flags.IntVar(&o.config.Rows, "rows", o.config.Rows, "rows (decisions × endpoints) of training to hold in memory; of more, a part is drawn")
	flags.BoolVar(&o.resume, "resume", false, "go on with a training that was stopped, from its checkpoint beside --out")
	flags.StringVar(&o.warm, "warm-start", "", "earlier model whose weights to begin with: same network, schema and columns")
	flags.IntVar(&o.config.Trials, "search", 0, "settings to try for the routing network: learning rate, width, dropout, batch; the best in validation is kept")
	flags.DurationVar(&o.budget, "budget", 0, "time for trying settings; of --search, or as many as it allows")
	flags.StringVar(&o.report, "report", "", "file for the report: a page when it ends in .html, JSON when in .json, else text")
	flags.StringVar(&o.against, "against", "", "model in use, which the report judges the new one against (a page always says what the rules alone would do)")
	flags.StringVar(&o.rules, "rules", "", "rules file whose objectives say what a failure of their services is")
	cacheFlag(cmd, &o.cache)
	return cmd
}

// complete fills in what follows from the flags, and refuses what cannot be.
func (o *trainOptions) complete(cmd *cobra.Command, network string) error {
	if o.window < 0 || o.horizon < 0 || o.budget < 0 {
		return usagef("--window is %v, --horizon %v and --budget %v; want times above 0", o.window, o.horizon, o.budget)
	}
	if cmd.Flag("search").Changed && o.config.Trials < 2 {
		return usagef("--search is %d; want 2 to %d settings to try", o.config.Trials, train.MostTrials)
	}
	if o.budget > 0 && o.config.Trials == 0 {
		o.config.Trials = train.MostTrials
	}
	if o.report != "" && filepath.Clean(o.report) == filepath.Clean(o.out) {
		return usagef("--report and --out are both %s: the report would take the model's place; name another file", o.out)
	}
	named := map[string]bool{}
	for _, path := range o.recordings {
		clean := filepath.Clean(path)
		if named[clean] {
			return usagef("--recording names %s twice: its rows would count double; name it once", path)
		}
		named[clean] = true
	}
	o.config.Network, o.config.Objective.Deadline = model.Kind(network), o.deadline
	if err := o.heed(); err != nil {
		return err
	}
	if err := o.config.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

// heed takes over the objectives of the services that the rules give one.
func (o *trainOptions) heed() error {
	if o.rules == "" {
		return nil
	}
	file, _, err := load.Load(o.rules)
	if err != nil {
		return err
	}
	o.config.Objectives = map[string]mesh.Objective{}
	for _, s := range file.Services {
		if s.Objective != (mesh.Objective{}) {
			o.config.Objectives[s.Name] = s.Objective
		}
	}
	if len(o.config.Objectives) == 0 {
		return fmt.Errorf("%s gives no service an objective; write objective: {max_latency: …, max_error_ratio: …} under one, or leave --rules out", o.rules)
	}
	return nil
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
	if err := prepare(stderr, &o); err != nil {
		return nil, nil, err
	}
	set, err := collect(ctx, stderr, o)
	if err != nil {
		return nil, nil, err
	}
	o.config.Progress = trainingProgress(stderr)
	if start := time.Now(); o.budget > 0 {
		o.config.Spent = func() float64 { return time.Since(start).Seconds() / o.budget.Seconds() }
	}
	m, report, err := train.Fit(ctx, set, o.config)
	if err != nil {
		return nil, nil, goOn(ctx, o, err)
	}
	for _, text := range report.Diverged {
		fmt.Fprintln(stderr, "fairway: the training diverged, and the last good network is kept:", text)
	}
	if err := model.Save(o.out, m); err != nil {
		return nil, nil, err
	}
	return m, report, o.writeReport(ctx, stderr, m, old, report)
}

// prepare reads the earlier model and settles what becomes of a checkpoint.
func prepare(stderr io.Writer, o *trainOptions) (err error) {
	if o.warm != "" {
		if o.config.Warm, err = model.Load(o.warm); err != nil {
			return err
		}
	}
	if !o.checkpoint {
		return nil
	}
	path := checkpointOf(o.out)
	o.config.Checkpoint = path
	_, err = os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if o.resume {
			fmt.Fprintf(stderr, "fairway: there is no %s to go on from: the training begins anew\n", path)
		}
		return nil
	case err != nil || o.resume:
		return err
	}
	fmt.Fprintf(stderr, "fairway: %s of an earlier training is given up; --resume would go on from it\n", path)
	return os.Remove(path)
}

// goOn adds to the error of a training that was stopped how to go on with it.
func goOn(ctx context.Context, o trainOptions, err error) error {
	if ctx.Err() == nil || o.config.Checkpoint == "" {
		return err
	}
	if _, none := os.Stat(o.config.Checkpoint); none != nil {
		return err
	}
	return fmt.Errorf("%w; %s keeps how far it has come, the same command with --resume goes on", err, o.config.Checkpoint)
}

// collect walks every recording with the first one's schema, each as it is to be
// looked at: a model answers to one set of queries, and is
// served as the first is looked at.
func collect(ctx context.Context, stderr io.Writer, o trainOptions) (*train.Set, error) {
	s := sources{o: o, stderr: stderr, cache: openCache(stderr, o.cache), told: map[string]bool{}, bar: newProgress(stderr, "reading", len(o.recordings))}
	var list []train.Source
	for _, path := range o.recordings {
		list = append(list, func(ctx context.Context, use func(*datasets.Recording, mesh.Timing) error) error {
			return s.open(ctx, path, use)
		})
	}
	set, err := train.CollectAll(ctx, o.config, list...)
	return set, firstError(err, s.bar.Finish())
}

// sources opens recordings one at a time.
type sources struct {
	o      trainOptions
	stderr io.Writer
	cache  *datasets.Cache
	schema *mesh.Schema    // of the first
	told   map[string]bool // of these it was told how they are read
	bar    *progressbar.ProgressBar
}

func (s *sources) open(ctx context.Context, path string, use func(*datasets.Recording, mesh.Timing) error) error {
	recording, err := openAgain(ctx, path, s.o.schema, s.schema)
	if err != nil {
		return err
	}
	recording.Cache = s.cache
	timing := recording.Timing(s.o.window, s.o.horizon)
	if s.schema == nil {
		s.schema = recording.Schema
	}
	if !s.told[path] {
		s.told[path] = true
		tellChoice(s.stderr, recording)
		if s.o.window != 0 && s.o.window != timing.Step {
			fmt.Fprintf(s.stderr, "fairway: %s: --window %v is less than the time between two scrapes; %v is taken\n", path, s.o.window, timing.Step)
		}
	}
	s.bar.Describe(path)
	used := use(recording, timing)
	_ = s.bar.Add(1) // a bar that cannot be drawn stops nothing, nor does one that is full
	return firstError(used, recording.Close())
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
