package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/train"
)

type demoOptions struct{ recording, daemon, out string }

func newDemoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "train, replay, serve and ask on a recording: the tour of two minutes",
		Long: "demo trains on a recording, replays its held-back last part, starts fairwayd on that part,\n" +
			"asks for decisions over gRPC before, during and after a fault, and prints what was decided\n" +
			"and why. It fails unless the faulty endpoint's weight at least halves.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "recording", "daemon"); err != nil {
				return err
			}
			return demo(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.recording, "recording", "", "recording with injected faults")
	flags.StringVar(&o.daemon, "daemon", "", "the fairwayd program")
	flags.StringVar(&o.out, "out", "out/demo", "directory for the model and the report")
	return cmd
}

// demoHorizon is shorter than the default: the lab's faults last about a
// minute, and its shares stay the same for about 20 s.
const demoHorizon = 30 * time.Second

func demo(ctx context.Context, stdout, stderr io.Writer, o demoOptions) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	modelPath := filepath.Join(o.out, "demo.model")
	fmt.Fprintf(stdout, "1. Train on the first part of %s\n\n", o.recording)
	config := train.DefaultConfig()
	err := trainAll(ctx, stdout, stderr, trainOptions{
		recordings: []string{o.recording}, out: modelPath, horizon: demoHorizon, deadline: config.Objective.Deadline,
		report: filepath.Join(o.out, "training.txt"), config: config,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\n2. Replay the last part, which the training never saw\n\n")
	if err := replayAll(ctx, stdout, replayOptions{recording: o.recording, model: modelPath, policies: defaultPolicies}); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\n3. Serve the last part, sixty times as fast, and ask\n\n")
	fault, err := firstFault(ctx, o.recording, modelPath)
	if err != nil {
		return err
	}
	daemon, err := startDaemon(ctx, stderr, o.daemon, "--model", modelPath, "--recording", o.recording, "--speed", "60", "--from", "held-back")
	if err != nil {
		return err
	}
	err = interview(ctx, stdout, daemon.address, fault)
	return firstError(err, daemon.stop())
}

// quietBefore and quietAfter are how long the chosen fault's service must be
// undisturbed around it, so that before and after mean something.
const quietBefore, quietAfter = 40 * time.Second, 60 * time.Second

// harmful are the kinds of fault that make every request of an endpoint worse.
// Of the others a good policy may think less: a pool that shrinks hurts only
// under load, a leak only at its end, and a decoy should not be fallen for.
var harmful = []string{"slowdown", "error_burst", "fast_failure", "crash"}

// firstFault chooses by the calendar alone: the first harmful fault of the
// held-back part that lasts for at least half a minute, with quiet around it.
func firstFault(ctx context.Context, recordingPath, modelPath string) (datasets.Fault, error) {
	m, err := model.Load(modelPath)
	if err != nil {
		return datasets.Fault{}, err
	}
	recording, err := datasets.OpenWith(ctx, recordingPath, &m.Schema)
	if err != nil {
		return datasets.Fault{}, err
	}
	defer recording.Close()
	split := recording.Split(m.Timing)
	for i, f := range recording.Faults {
		late := f.Start.Add(-quietBefore).After(split.TestStart) && f.End.Add(quietAfter).Before(split.End)
		long := f.End.Sub(f.Start) >= 30*time.Second
		if late && long && slices.Contains(harmful, f.Kind) && quietAround(recording.Faults, i) {
			return f, nil
		}
	}
	return datasets.Fault{}, fmt.Errorf("%s: no harmful fault of half a minute stands alone in the held-back part, from %s", recordingPath, split.TestStart.Format(time.RFC3339))
}

func quietAround(faults []datasets.Fault, i int) bool {
	f := &faults[i]
	for j := range faults {
		other := &faults[j]
		if j != i && other.Service == f.Service && other.Start.Before(f.End.Add(quietAfter)) && other.End.After(f.Start.Add(-quietBefore)) {
			return false
		}
	}
	return true
}
