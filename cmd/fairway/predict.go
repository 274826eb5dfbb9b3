package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/load"
)

type predictOptions struct{ recording, model, schema, rules, format, out, cache string }

func newPredictCommand() *cobra.Command {
	var o predictOptions
	cmd := &cobra.Command{
		Use:   "predict",
		Short: "write what a model foresees: a row per window and endpoint",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "recording", "model"); err != nil {
				return err
			}
			if o.format != "csv" && o.format != "jsonl" {
				return usagef("--format is %q; want csv or jsonl", o.format)
			}
			return writeOutput(o.out, cmd.OutOrStdout(), func(w io.Writer) error {
				return predictAll(cmd.Context(), w, cmd.ErrOrStderr(), o)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.recording, "recording", "", "recording or dump to walk through")
	flags.StringVar(&o.model, "model", "", "model file, or a registry directory")
	flags.StringVar(&o.schema, "schema", "", "schema file or built-in name; without it the model's")
	flags.StringVar(&o.rules, "rules", "", "rules file")
	flags.StringVar(&o.format, "format", "csv", "csv or jsonl")
	flags.StringVar(&o.out, "out", "", "file to write; without it stdout")
	cacheFlag(cmd, &o.cache)
	return cmd
}

func predictAll(ctx context.Context, w, stderr io.Writer, o predictOptions) error {
	m, recording, err := openFor(ctx, o.model, o.recording, o.schema)
	if err != nil {
		return err
	}
	defer recording.Close()
	recording.Cache = openCache(stderr, o.cache)
	set, err := compileRules(o.rules)
	if err != nil {
		return err
	}
	recording.Identify = set.Identify
	walk, err := newForeseeing(m, set)
	if err != nil {
		return err
	}
	write, flush := rowWriter(w, o.format)
	for window, err := range recording.Windows(ctx, m.Timing) {
		if err != nil {
			return err
		}
		rows, err := walk.next(window)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := write(&rows[i]); err != nil {
				return err
			}
		}
	}
	return flush()
}

// openFor opens a model, and a recording to be seen with the model's own
// schema, so that what it was trained on and what it is asked about are the
// same queries. A model that only forecasts is paced as the recording is.
func openFor(ctx context.Context, modelPath, path, schema string) (*model.Model, *datasets.Recording, error) {
	m, err := model.Load(modelPath)
	if err != nil {
		return nil, nil, err
	}
	if schema == "" {
		recording, err := datasets.OpenWith(ctx, path, &m.Schema)
		if err != nil {
			return nil, nil, err
		}
		return m.Paced(recording.Timing(0, 0)), recording, nil
	}
	recording, err := datasets.Open(ctx, path, schema)
	if err != nil {
		return nil, nil, err
	}
	if recording.Schema.Hash() != m.Schema.Hash() {
		err := fmt.Errorf("schema %s asks other queries than %s, which the model was trained with; leave --schema out, or train again", recording.Schema.Name, m.Schema.Name)
		return nil, nil, errors.Join(err, recording.Close())
	}
	return m.Paced(recording.Timing(0, 0)), recording, nil
}

func compileRules(path string) (*rules.Set, error) {
	if path == "" {
		return rules.Compile(&rules.File{})
	}
	file, _, err := load.Load(path)
	if err != nil {
		return nil, err
	}
	return rules.Compile(file)
}
