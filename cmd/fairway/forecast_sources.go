package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/foresight"
	"github.com/fairway-mesh/fairway/replay/meshes"
)

// The meshes that thresholds are chosen by are none of those that a model is
// calibrated on, which are the first of their part.
const (
	forecastCalibration = meshes.FailingValidation + meshes.Seeds/2
	forecastTest        = meshes.FailingTest
	forecastMost        = meshes.Seeds / 4 // at once
)

// The groups that are told apart.
const (
	groupSimulated = "simulated meshes, of services that no model has seen"
	groupLab       = "the lab, later than what models have seen of its services"
)

// sources records meshes into a directory, and finds the lab's recordings.
func (b *forecastBench) sources(ctx context.Context, directory string) (calibration, test []foresight.Source, err error) {
	simulated := func(first uint64, n int) (list []foresight.Source) {
		for k := range n {
			path := filepath.Join(directory, meshFolder(first+b.o.seed+uint64(k)))
			list = append(list, foresight.Source{Name: filepath.Base(path), Group: groupSimulated, Open: opening(path)})
		}
		return list
	}
	calibration, test = simulated(forecastCalibration, b.o.calibration), simulated(forecastTest, b.o.meshes)
	if err := b.record(ctx, directory); err != nil {
		return nil, nil, err
	}
	if b.o.lab == "" {
		return calibration, test, nil
	}
	for _, one := range []struct {
		name string
		to   *[]foresight.Source
	}{{"lab-validation", &calibration}, {"lab-test", &test}} {
		path := filepath.Join(b.o.lab, one.name)
		if _, err := os.Stat(path); err != nil {
			if b.o.meshes == 0 {
				return nil, nil, fmt.Errorf("the lab's recordings are not there (--lab names their folder): %w", err)
			}
			b.note("The lab is left out: %v (--lab names the folder of its recordings).", err)
			return calibration[:b.o.calibration], test[:b.o.meshes], nil
		}
		*one.to = append(*one.to, foresight.Source{Name: one.name, Group: groupLab, Open: opening(path)})
	}
	return calibration, test, nil
}

func opening(path string) func(context.Context) (*datasets.Recording, error) {
	return func(ctx context.Context) (*datasets.Recording, error) { return datasets.Open(ctx, path, "") }
}

// record makes one mesh on each CPU at a time.
func (b *forecastBench) record(ctx context.Context, directory string) error {
	var seeds []uint64
	for k := range b.o.calibration {
		seeds = append(seeds, forecastCalibration+b.o.seed+uint64(k))
	}
	for k := range b.o.meshes {
		seeds = append(seeds, forecastTest+b.o.seed+uint64(k))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	o := simulateOptions{scale: 1, failing: true}
	for _, seed := range seeds {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return recordMesh(ctx, io.Discard, o, seed, filepath.Join(directory, meshFolder(seed)))
		})
	}
	return group.Wait()
}
