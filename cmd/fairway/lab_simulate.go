package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/replay/meshes"
	"github.com/fairway-mesh/fairway/replay/sim"
)

type simulateOptions struct {
	scenario, out string
	duration      time.Duration
	seed, random  uint64
	scale         float64
	meshes        int
	failing       bool
}

func newLabSimulateCommand() *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate --scenario FILE|NAME|--random SEED|--meshes N --out DIR",
		Short: "record a simulated mesh, or many random ones, under random shares",
		Long: fmt.Sprintf(`Runs a scenario in virtual time, with shares that are drawn at random, and
writes what was to be seen as a recording: metrics as the lab's, the requests
with their exact propensities, and the faults. Equal seeds give equal
recordings. The names of the scenarios: fairway replay --list.

A share can be many times the fair one. A scenario that is busy under equal
shares is overloaded under these; --scale 0.5 halves what arrives.

--random SEED draws a mesh with all that belongs to it, and --meshes N draws so
many, of the seeds from --seed on, into folders of DIR. They are recorded
without requests, under shares that are drawn around the capacities. Those of
the seeds from %d on are for training, from %d on for validation.

With --failing they are meshes whose endpoints break down, some of them after
signs of it, and half of those that show signs recover. Shares stay near to the
capacities, and nobody acts on what is seen. faults.csv says when each fault
makes its endpoint fail (fails). Seeds from %d on are for training, from %d on
for validation, from %d on for test.`, meshes.Training, meshes.Validation, meshes.FailingTraining, meshes.FailingValidation, meshes.FailingTest),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return simulate(cmd, o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.scenario, "scenario", "", "a scenario's file, FILE#VARIANT, or the name of a built-in one")
	flags.Uint64Var(&o.random, "random", 0, "draw the mesh of this seed")
	flags.IntVar(&o.meshes, "meshes", 0, "draw so many meshes, of seeds that follow each other")
	flags.BoolVar(&o.failing, "failing", false, "with --random or --meshes: those whose endpoints break down")
	flags.StringVar(&o.out, "out", "", "directory of the recording, or of all of them; must not exist yet")
	flags.DurationVar(&o.duration, "duration", 0, "how long the requests come, in virtual time; 0: as the scenario says")
	flags.Float64Var(&o.scale, "scale", 1, "what arrives, as a part of what the scenario says")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of shares, arrivals, work and faults; of the first mesh")
	return cmd
}

func simulate(cmd *cobra.Command, o simulateOptions) error {
	one := 0
	for _, name := range []string{"scenario", "random", "meshes"} {
		if cmd.Flag(name).Changed {
			one++
		}
	}
	if one != 1 {
		return usagef("%s needs one of --scenario, --random and --meshes", cmd.CommandPath())
	}
	if o.failing && cmd.Flag("scenario").Changed {
		return usagef("--failing draws meshes; give --random or --meshes with it, no scenario")
	}
	if err := needed(cmd, "out"); err != nil {
		return err
	}
	if !(o.scale > 0) || math.IsInf(o.scale, 0) {
		return usagef("--scale is %v; want a number above 0", o.scale)
	}
	switch {
	case cmd.Flag("random").Changed:
		return recordMesh(cmd.Context(), cmd.ErrOrStderr(), o, o.random, o.out)
	case cmd.Flag("meshes").Changed:
		return recordMeshes(cmd, o)
	}
	s, err := sim.Load(o.scenario)
	if err != nil {
		return usageError{err}
	}
	if err := o.change(s); err != nil {
		return err
	}
	result, err := sim.Record(cmd.Context(), s, o.seed, sim.Shares(o.seed), o.out)
	if err != nil {
		return err
	}
	tellRecorded(cmd.ErrOrStderr(), s, result, o.out)
	return nil
}

// change makes the scenario longer or shorter, and more or less busy.
func (o *simulateOptions) change(s *sim.Scenario) error {
	if o.duration != 0 {
		s.Duration = o.duration
	}
	s.Arrivals.Scale(o.scale)
	if err := s.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

func tellRecorded(stderr io.Writer, s *sim.Scenario, r *sim.Result, out string) {
	fmt.Fprintf(stderr, "%s: %v of scenario %s, %d faults, %d events\n", out, s.Duration, s.Name, len(r.Faults), r.Events)
}

// recordMeshes records one mesh on each CPU at a time. On an error o.out does not
// appear: what is there is whole.
func recordMeshes(cmd *cobra.Command, o simulateOptions) (err error) {
	if o.meshes < 1 || o.meshes > meshes.Seeds {
		return usagef("--meshes is %d; want 1 to %d", o.meshes, meshes.Seeds)
	}
	if _, err := os.Stat(o.out); err == nil {
		return fmt.Errorf("%s exists already: name another directory for the recordings", o.out)
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(o.out), "."+filepath.Base(o.out)+".")
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, os.RemoveAll(unfinished)) }()
	tell := counting(cmd.ErrOrStderr(), "recording")
	var mu sync.Mutex
	done := 0
	group, ctx := errgroup.WithContext(cmd.Context())
	group.SetLimit(runtime.GOMAXPROCS(0))
	for k := range o.meshes {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			seed := o.seed + uint64(k)
			if err := recordMesh(ctx, io.Discard, o, seed, filepath.Join(unfinished, meshFolder(seed))); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			tell(done, o.meshes)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	if err := firstError(os.Chmod(unfinished, 0o755), os.Rename(unfinished, o.out)); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d meshes, seeds %d to %d\n", o.out, o.meshes, o.seed, o.seed+uint64(o.meshes)-1)
	return nil
}

func recordMesh(ctx context.Context, stderr io.Writer, o simulateOptions, seed uint64, out string) error {
	draw, shares, flag := meshes.Recorded, meshes.Shares, ""
	if o.failing {
		draw, shares, flag = meshes.Failing, meshes.FailingShares, "--failing "
	}
	s := draw(seed)
	if err := o.change(s); err != nil {
		return err
	}
	madeBy := fmt.Sprintf("fairway lab simulate "+flag+"--random %d --duration %v --scale %g", seed, s.Duration.Round(time.Millisecond), o.scale)
	result, err := sim.RecordMetrics(ctx, s, seed, shares(s, seed), madeBy, meshes.Part(seed), out)
	if err != nil {
		return err
	}
	tellRecorded(stderr, s, result, out)
	return nil
}
