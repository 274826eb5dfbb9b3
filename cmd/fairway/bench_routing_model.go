package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay/meshes"
)

func newBenchRoutingModelCommand() *cobra.Command {
	var out, directory string
	training, validation := 240, 60
	cmd := &cobra.Command{
		Use:   "routing-model --out FILE [-- FLAGS OF TRAIN]",
		Short: "make the model that fairway bench routing runs",
		Long: `Records random simulated meshes, for training and for validation, and trains on
them: the model that ships is made by this. None of the meshes is a built-in
scenario. What follows -- is given to fairway train.`,
		RunE: func(cmd *cobra.Command, more []string) (err error) {
			if err := needed(cmd, "out"); err != nil {
				return err
			}
			if training < 1 || validation < 1 {
				return usagef("--training is %d and --validation %d; want 1 or more of each", training, validation)
			}
			if err := place(out); err != nil {
				return err
			}
			if directory == "" {
				if directory, err = os.MkdirTemp("", "fairway-meshes-"); err != nil {
					return err
				}
				defer func() { err = firstError(err, os.RemoveAll(directory)) }()
			}
			recordings, err := trainingMeshes(cmd, directory, training, validation, false)
			if err != nil {
				return err
			}
			if err := trainOn(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), recordings, out, more); err != nil {
				return err
			}
			return forgetFolders(out)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&out, "out", "", "model file to write")
	flags.StringVar(&directory, "dir", "", "directory for the recordings, which stay there (default a temporary one)")
	flags.IntVar(&training, "training", training, "how many meshes are recorded for training")
	flags.IntVar(&validation, "validation", validation, "how many for validation")
	return cmd
}

// forgetFolders leaves the names of the recordings in a model's card, and not
// where they lay: they are made anew from their seeds, anywhere.
func forgetFolders(path string) error {
	m, err := model.Load(path)
	if err != nil {
		return err
	}
	for i := range m.Card.Recordings {
		r := &m.Card.Recordings[i]
		r.Path = filepath.Base(r.Path)
	}
	return model.Save(path, m)
}

// trainingMeshes records random meshes, for training and for validation, below a
// directory. Those of a former run are taken with reuse, and refused without.
func trainingMeshes(cmd *cobra.Command, directory string, training, validation int, reuse bool) (recordings []string, err error) {
	for _, part := range []struct {
		name  string
		seed  uint64
		count int
	}{{"training", meshes.Training, training}, {"validation", meshes.Validation, validation}} {
		folder := filepath.Join(directory, part.name)
		if _, err := os.Stat(folder); err != nil || !reuse {
			if err := recordMeshes(cmd, simulateOptions{meshes: part.count, seed: part.seed, scale: 1, out: folder}); err != nil {
				return nil, err
			}
		}
		for k := range part.count {
			recordings = append(recordings, filepath.Join(folder, meshFolder(part.seed+uint64(k))))
		}
	}
	return recordings, nil
}

// meshFolder is what the recording of a mesh is called.
func meshFolder(seed uint64) string { return fmt.Sprintf("mesh-%d", seed) }

// trainOn is fairway train.
func trainOn(ctx context.Context, stdout, stderr io.Writer, recordings []string, out string, more []string) error {
	train := newTrainCommand()
	train.SetOut(stdout)
	train.SetErr(stderr)
	train.SilenceErrors, train.SilenceUsage = true, true
	train.SetArgs(append([]string{"--recording", strings.Join(recordings, ","), "--out", out}, more...))
	return train.ExecuteContext(ctx)
}
