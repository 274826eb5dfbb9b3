package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay/meshes"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// What the directory of the models holds.
const (
	fiveFile              = "five.yaml" // a service that fixed5 takes
	fiveFolder            = "five"      // its recording
	meshFolders, modelEnd = "meshes", ".model"
	labPrefix             = "lab-" // of models that learned from lab-train
)

// How five endpoints are recorded: away from the seeds that are judged by, and
// less busy, as random shares give some endpoints far more than theirs.
const (
	fiveTime  = 40 * time.Minute
	fiveScale = 0.7
	fiveSeed  = meshes.Training + 1
)

// ablationModels are by what they are called: outcome, softmax, fixed5 and, of
// the lab, lab-outcome, ….
type ablationModels map[string]*model.Model

// make reads the models, and makes those that are not there.
func (o *ablationOptions) make(cmd *cobra.Command) (ablationModels, error) {
	if err := os.MkdirAll(o.directory, 0o755); err != nil {
		return nil, err
	}
	text, err := bundledModels.ReadFile("models/" + fiveFile)
	if err != nil {
		return nil, err
	}
	err = writeFile(filepath.Join(o.directory, fiveFile), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := ablationModels{}
	for _, kind := range model.Kinds() {
		of := o.meshes
		if kind == model.Fixed5 {
			of = o.five
		}
		if all[string(kind)], err = o.model(cmd, string(kind), kind, of); err != nil {
			return nil, err
		}
		if o.recordings == "" {
			continue
		}
		name := labPrefix + string(kind)
		if all[name], err = o.model(cmd, name, kind, o.lab); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (o *ablationOptions) file(name string) string { return filepath.Join(o.directory, name+modelEnd) }

// model is the one in the directory, or one that is trained on the recordings.
func (o *ablationOptions) model(cmd *cobra.Command, name string, kind model.Kind, recordings func(*cobra.Command) ([]string, error)) (*model.Model, error) {
	path := o.file(name)
	m, err := model.Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	list, err := recordings(cmd)
	if err != nil {
		return nil, err
	}
	stderr := cmd.ErrOrStderr() // what is printed is the table alone
	if err := trainOn(cmd.Context(), stderr, stderr, list, path, []string{"--network", string(kind), "--epochs", strconv.Itoa(o.epochs), "--cache", o.cache}); err != nil {
		return nil, err
	}
	return model.Load(path)
}

// meshes are recordings of random ones, as `fairway bench routing-model` has them.
func (o *ablationOptions) meshes(cmd *cobra.Command) ([]string, error) {
	return trainingMeshes(cmd, filepath.Join(o.directory, meshFolders), o.training, o.validation, true)
}

func (o *ablationOptions) five(cmd *cobra.Command) ([]string, error) {
	folder := filepath.Join(o.directory, fiveFolder)
	if _, err := os.Stat(folder); err == nil {
		return []string{folder}, nil
	}
	s, err := sim.Load(filepath.Join(o.directory, fiveFile))
	if err != nil {
		return nil, err
	}
	change := simulateOptions{duration: fiveTime, scale: fiveScale}
	if err := change.change(s); err != nil {
		return nil, err
	}
	_, err = sim.Record(cmd.Context(), s, fiveSeed, sim.Shares(fiveSeed), folder)
	return []string{folder}, err
}

func (o *ablationOptions) lab(*cobra.Command) ([]string, error) {
	return []string{filepath.Join(o.recordings, "lab-train"), filepath.Join(o.recordings, "lab-validation")}, nil
}
