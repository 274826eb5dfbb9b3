package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/train"
)

// forecastSteps is how many steps the forecast looks ahead: a minute of 5 s.
const forecastSteps = 12

type forecastModelOptions struct {
	out, logistic, report string
	recordings            []string
	config                train.Config
}

// trainForecast fits a failure forecast, and no routing network, on recordings
// that say themselves which part they are. All are looked at as many steps ahead.
func trainForecast(ctx context.Context, stdout, stderr io.Writer, o forecastModelOptions) error {
	o.config.ForecastOnly, o.config.MadeBy, o.config.Name = true, "fairway bench forecast-model", "forecast"
	o.config.Progress = trainingProgress(stderr)
	var sources []train.Source
	for _, path := range o.recordings {
		sources = append(sources, func(ctx context.Context, use func(*datasets.Recording, mesh.Timing) error) error {
			r, err := datasets.Open(ctx, path, "")
			if err != nil {
				return err
			}
			t := r.Timing(0, 0)
			t.Horizon = forecastSteps * t.Step
			return firstError(use(r, t), r.Close())
		})
	}
	set, err := train.CollectAll(ctx, o.config, sources...)
	if err != nil {
		return err
	}
	m, report, err := train.Fit(ctx, set, o.config)
	if err != nil {
		return err
	}
	if m.Failure == nil {
		return fmt.Errorf("nothing failed in training: there is no forecast")
	}
	for i := range m.Card.Recordings { // they are made anew from their seeds, anywhere
		m.Card.Recordings[i].Path = filepath.Base(m.Card.Recordings[i].Path)
	}
	if err := model.Save(o.out, m); err != nil {
		return err
	}
	if o.logistic != "" {
		other := *m
		if report.Failure.Courses.Shipped != "logistic" {
			other.Failure = report.Failure.Rival
		}
		if err := model.Save(o.logistic, &other); err != nil {
			return err
		}
	}
	if o.report != "" {
		if err := writeFile(o.report, func(w io.Writer) error { return writeIndented(w, report) }); err != nil {
			return err
		}
	}
	return report.WriteText(stdout)
}

func newBenchForecastModelCommand() *cobra.Command {
	o := forecastModelOptions{config: train.DefaultConfig()}
	cmd := &cobra.Command{
		Use: "forecast-model --out FILE",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return trainForecast(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.out, "out", "", "model file to write")
	flags.StringVar(&o.logistic, "logistic", "", "file for the ablation")
	flags.StringVar(&o.report, "report", "", "file for the report, JSON")
	flags.StringSliceVar(&o.recordings, "recording", nil, "recordings")
	flags.IntVar(&o.config.Rows, "rows", 2_000_000, "rows")
	flags.IntVar(&o.config.Epochs, "epochs", 60, "epochs")
	flags.IntVar(&o.config.Patience, "patience", 15, "patience")
	flags.Uint64Var(&o.config.Seed, "seed", 1, "seed")
	return cmd
}
