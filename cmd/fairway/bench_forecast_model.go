package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay/meshes"
	"github.com/fairway-mesh/fairway/train"
)

// forecastSteps is how many steps the shipped forecast looks ahead: a minute of
// steps of 5 s.
const forecastSteps = 12

type forecastModelOptions struct {
	out, logistic, report, directory string
	training, validation             int
	recordings                       []string
	config                           train.Config
}

func newBenchForecastModelCommand() *cobra.Command {
	o := forecastModelOptions{config: train.DefaultConfig()}
	o.config.Rows, o.config.Epochs, o.config.Patience = 3_000_000, 80, 15
	cmd := &cobra.Command{
		Use:   "forecast-model --out FILE",
		Short: "make the failure forecast that ships",
		Long: `Records random simulated meshes whose endpoints break down, for training and
for validation, and trains a failure forecast on them, and on recordings that say
themselves which part they are. The forecast counts its time in steps: it looks
12 of them ahead, whatever a step is. None of the meshes is one that fairway
bench forecast judges by.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := needed(cmd, "out"); err != nil {
				return err
			}
			if o.training < 1 || o.validation < 1 {
				return usagef("--training is %d and --validation %d; want 1 or more of each", o.training, o.validation)
			}
			if err := place(o.out); err != nil {
				return err
			}
			if o.directory == "" {
				if o.directory, err = os.MkdirTemp("", "fairway-failing-"); err != nil {
					return err
				}
				defer func() { err = firstError(err, os.RemoveAll(o.directory)) }()
			}
			if err := o.record(cmd); err != nil {
				return err
			}
			return trainForecast(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.out, "out", "", "model file to write")
	flags.StringVar(&o.logistic, "logistic", "", "file for the form that did worse in validation, the ablation")
	flags.StringVar(&o.report, "report", "", "file for the report, as JSON")
	flags.StringVar(&o.directory, "dir", "", "directory for the recordings, which stay there; those that are there are taken (default a temporary one)")
	flags.StringSliceVar(&o.recordings, "recording", nil, "recording to learn from or to judge by beside the meshes; may be given again")
	flags.IntVar(&o.training, "training", 360, "how many meshes are recorded for training")
	flags.IntVar(&o.validation, "validation", 240, "how many for validation")
	flags.IntVar(&o.config.Epochs, "epochs", o.config.Epochs, "epochs at most; training stops early")
	flags.Uint64Var(&o.config.Seed, "seed", o.config.Seed, "seed of the training")
	return cmd
}

// record makes the meshes, but for parts that are there, and puts them behind
// the recordings that were named.
func (o *forecastModelOptions) record(cmd *cobra.Command) error {
	for _, part := range []struct {
		name  string
		seed  uint64
		count int
	}{{"training", meshes.FailingTraining, o.training}, {"validation", meshes.FailingValidation, o.validation}} {
		folder := filepath.Join(o.directory, part.name)
		if _, err := os.Stat(folder); err != nil {
			if err := recordMeshes(cmd, simulateOptions{failing: true, meshes: part.count, seed: part.seed, scale: 1, out: folder}); err != nil {
				return err
			}
		}
		for k := range part.count {
			o.recordings = append(o.recordings, filepath.Join(folder, meshFolder(part.seed+uint64(k))))
		}
	}
	return nil
}

// trainForecast fits a failure forecast, and no routing network.
func trainForecast(ctx context.Context, stdout, stderr io.Writer, o forecastModelOptions) error {
	o.config.ForecastOnly, o.config.MadeBy, o.config.Name = true, "fairway bench forecast-model", "forecast"
	o.config.Progress = trainingProgress(stderr)
	var sources []train.Source
	for _, path := range o.recordings {
		sources = append(sources, forecastSource(path))
	}
	set, err := train.CollectAll(ctx, o.config, sources...)
	if err != nil {
		return err
	}
	m, report, err := train.Fit(ctx, set, o.config)
	if err != nil {
		return err
	}
	if o.report != "" {
		if err := writeFile(o.report, func(w io.Writer) error { return writeIndented(w, report) }); err != nil {
			return err
		}
	}
	for i := range m.Card.Recordings { // they are made anew from their seeds, anywhere
		m.Card.Recordings[i].Path = filepath.Base(m.Card.Recordings[i].Path)
	}
	if err := model.Save(o.out, m); err != nil {
		return err
	}
	if o.logistic != "" {
		other := *m
		other.Failure = report.Failure.Rival
		if err := model.Save(o.logistic, &other); err != nil {
			return err
		}
	}
	if err := report.WriteText(stdout); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "\nwrote %s\n", o.out)
	return err
}

// forecastSource opens a recording, and looks at it as many steps ahead as at any
// other.
func forecastSource(path string) train.Source {
	return func(ctx context.Context, use func(*datasets.Recording, mesh.Timing) error) error {
		r, err := datasets.Open(ctx, path, "")
		if err != nil {
			return err
		}
		t := r.Timing(0, 0)
		t.Horizon = forecastSteps * t.Step
		return firstError(use(r, t), r.Close())
	}
}
