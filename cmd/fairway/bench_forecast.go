package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay/foresight"
	"github.com/fairway-mesh/fairway/replay/report"
)

type forecastOptions struct {
	model, lab, shared, html string
	baselines                []string
	meshes, calibration      int
	seed, resamples          uint64
	directory                string
}

// forecastBench judges failure forecasts.
type forecastBench struct {
	o       forecastOptions
	model   *model.Model
	entries []foresight.Entry
	log     io.Writer
	stdout  io.Writer
	notes   []string
}

func newBenchForecastCommand() *cobra.Command {
	var o forecastOptions
	cmd := &cobra.Command{
		Use:   "forecast",
		Short: "judge the failure forecast: incidents announced against alarms for nothing",
		Long: `Records simulated meshes whose endpoints break down, of seeds that nothing was
trained on, and judges the failure forecast on them and on the lab's recording
for test, beside baselines: how many failures it announced, how early, how many
alarms were for nothing, and whether its probabilities come true. Thresholds are
chosen on other recordings. The last line is JSON; what could not be measured is
null there. Some minutes on two cores. docs/forecast-evaluation.md says what is
counted and how.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := newForecastBench(cmd, o)
			if err != nil {
				return err
			}
			figures, err := b.run(cmd.Context())
			if err != nil {
				return err
			}
			return json.NewEncoder(b.stdout).Encode(figures)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.model, "model", "", "model (default the one that ships); none: the baselines alone")
	flags.StringVar(&o.lab, "lab", "datasets/recordings", "folder of the lab's recordings lab-validation and lab-test; empty: without")
	flags.StringVar(&o.shared, "shared", "", "folder with the public data nab, smd, nezha; empty: without")
	flags.StringVar(&o.html, "html", "", "file for a page of it")
	flags.StringSliceVar(&o.baselines, "baselines", nil, "these baselines alone")
	flags.IntVar(&o.meshes, "meshes", 200, "meshes to judge by; 0: none")
	flags.IntVar(&o.calibration, "calibration", 100, "meshes to choose thresholds by")
	flags.Uint64Var(&o.seed, "seed", 0, "the first mesh of those for each use")
	flags.Uint64Var(&o.resamples, "resamples", 1000, "draws of the bootstrap")
	flags.StringVar(&o.directory, "dir", "", "directory for what is recorded, which is removed at the end (default the system's)")
	return cmd
}

func newForecastBench(cmd *cobra.Command, o forecastOptions) (*forecastBench, error) {
	b := &forecastBench{o: o, log: cmd.ErrOrStderr(), stdout: cmd.OutOrStdout()}
	if o.meshes < 0 || o.calibration < 0 || o.meshes > forecastMost || o.calibration > forecastMost {
		return nil, usagef("--meshes is %d and --calibration %d; want 0 to %d", o.meshes, o.calibration, forecastMost)
	}
	if o.meshes == 0 && o.lab == "" {
		return nil, usagef("there is nothing to judge by: --meshes is 0 and --lab empty")
	}
	var err error
	var logistic *model.Model
	switch o.model {
	case noModel:
	case "":
		if b.model, err = bundledModel(forecastModelFile); err == nil {
			logistic, err = bundledModel(logisticModelFile)
		}
	default:
		b.model, err = model.Load(o.model)
	}
	if err != nil {
		return nil, err
	}
	if b.model != nil && b.model.Failure == nil {
		return nil, fmt.Errorf("%s holds no failure forecast: fairway bench forecast-model makes one", cmp.Or(o.model, forecastModelFile))
	}
	if b.model != nil {
		b.entries = append(b.entries, foresight.Model("fairway", b.model))
	} else {
		fmt.Fprintln(b.log, "there is no model: the first baseline takes its place")
	}
	if logistic != nil {
		b.entries = append(b.entries, foresight.Model("logistic hazard", logistic))
	}
	return b, b.addBaselines()
}

func (b *forecastBench) addBaselines() error {
	all := foresight.Baselines(1)
	if len(b.o.baselines) == 0 {
		b.entries = append(b.entries, all...)
		return nil
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
next:
	for _, name := range b.o.baselines {
		for _, e := range all {
			if e.Name == name {
				b.entries = append(b.entries, e)
				continue next
			}
		}
		return usagef("--baselines knows no %q; there are %s", name, strings.Join(names, ", "))
	}
	return nil
}

// look is how a recording is looked at: as the model asks for, or as many of
// its own steps ahead as models are.
func (b *forecastBench) look(r *datasets.Recording) (mesh.Timing, features.Config) {
	t := r.Timing(0, 0)
	if b.model != nil {
		t = b.model.TimingFor(t)
		return t, b.model.FeaturesFor(t)
	}
	t.Horizon = forecastSteps * t.Step
	cfg := features.DefaultConfig()
	cfg.Horizon = t.Horizon
	return t, cfg
}

func (b *forecastBench) run(ctx context.Context) (figures *forecastFigures, err error) {
	directory, err := os.MkdirTemp(b.o.directory, "fairway-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = firstError(err, os.RemoveAll(directory)) }()
	calibration, test, err := b.sources(ctx, directory)
	if err != nil {
		return nil, err
	}
	cfg := foresight.DefaultConfig(0)
	cfg.Look, cfg.Resamples, cfg.Progress = b.look, int(b.o.resamples), counting(b.log, "judging")
	judged, err := foresight.Judge(ctx, calibration, test, b.entries, cfg)
	if err != nil {
		return nil, err
	}
	if err := judged.WriteText(b.stdout); err != nil {
		return nil, err
	}
	if err := b.leaks(ctx, calibration, test, cfg); err != nil {
		return nil, err
	}
	figures = headline(judged)
	if err := b.public(ctx, figures); err != nil {
		return nil, err
	}
	if err := b.cost(figures); err != nil {
		return nil, err
	}
	for _, note := range b.notes {
		fmt.Fprintln(b.stdout, note)
	}
	return figures, b.page(judged)
}

// note keeps a line for the end of the text, and for the page.
func (b *forecastBench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

func (b *forecastBench) page(judged *foresight.Report) error {
	if b.o.html == "" {
		return nil
	}
	page := report.Forecasts{Title: "Failure forecasts, judged", Command: b.o.command(), Report: judged, Notes: b.notes}
	if stat, err := os.Stat(b.o.model); err == nil && !stat.IsDir() {
		input, err := fileInput(b.o.model)
		if err != nil {
			return err
		}
		page.Inputs = append(page.Inputs, input)
	}
	return writeFile(b.o.html, page.Write)
}

// command is the call that makes the page again.
func (o *forecastOptions) command() string {
	parts := []string{"fairway bench forecast"}
	add := func(flag, value string) {
		if value != "" {
			parts = append(parts, "--"+flag+" "+quoted(value))
		}
	}
	add("model", o.model)
	add("lab", o.lab)
	add("shared", o.shared)
	add("baselines", strings.Join(o.baselines, ","))
	add("meshes", fmt.Sprint(o.meshes))
	add("calibration", fmt.Sprint(o.calibration))
	add("seed", fmt.Sprint(o.seed))
	add("resamples", fmt.Sprint(o.resamples))
	add("html", o.html)
	return strings.Join(parts, " ")
}
