package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/train"
)

type demoOptions struct {
	recordings  []string
	daemon, out string
}

// judged is the recording whose held-back part, or all of it, is replayed and
// served: the last.
func (o *demoOptions) judged() string { return o.recordings[len(o.recordings)-1] }

func newDemoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "train, replay, serve and ask on recordings: the tour of two minutes",
		Long: "demo trains on recordings, replays what the last of them holds back from training, starts\n" +
			"fairwayd on that, asks for decisions over gRPC before, during and after a fault, and prints\n" +
			"what was decided and why. It fails unless the faulty endpoint's weight at least halves.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "recording", "daemon"); err != nil {
				return err
			}
			return demo(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.recordings, "recording", nil, "recording with injected faults; may be given again, the last one judges")
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
	fmt.Fprintf(stdout, "1. Train on %s\n\n", strings.Join(o.recordings, ", "))
	if err := demoTrain(ctx, stdout, stderr, o, modelPath); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\n2. Replay what the training never saw of %s\n\n", o.judged())
	if err := demoReplay(ctx, stdout, o, modelPath); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\n3. Serve the same, sixty times as fast, and ask\n\n")
	faults, err := clearFaults(ctx, o.judged(), modelPath)
	if err != nil {
		return err
	}
	return demoServe(ctx, stdout, o, modelPath, faults)
}

// quietBefore and quietAfter are how long the chosen fault's service must be
// undisturbed around it, so that before and after mean something.
const quietBefore, quietAfter = 40 * time.Second, 45 * time.Second

// demoTrain prints how well the model does on what is held back; all of the
// report goes to a file.
func demoTrain(ctx context.Context, stdout, stderr io.Writer, o demoOptions, modelPath string) error {
	config := train.DefaultConfig()
	report := filepath.Join(o.out, "training.txt")
	m, _, err := fit(ctx, stderr, trainOptions{
		recordings: o.recordings, out: modelPath, horizon: demoHorizon, report: report, config: config,
	})
	if err != nil {
		return err
	}
	figure := func(name string) float64 { return m.Card.Figures["test."+name] }
	failure := func(name string) float64 { return m.Card.Figures["failure.test."+name] }
	fmt.Fprintf(stdout, "on what was held back: what the load that came brought about in the next %s, and whether an endpoint fails within %s\n",
		m.Timing.InForce(), m.Timing.Horizon)
	fmt.Fprintf(stdout, "  mean latency   off by a factor of %.2f (as now, it is: %.2f)\n",
		math.Exp(figure("mean_log_rmse")), math.Exp(figure("mean_log_rmse_persistence")))
	fmt.Fprintf(stdout, "  cost           off by %.0f ms (as now, it is: %.0f ms)\n",
		1000*figure("cost_error_seconds"), 1000*figure("cost_error_seconds_persistence"))
	fmt.Fprintf(stdout, "  failing        Brier skill %.3f over the base rate, AUROC %.2f, on %.0f onsets\n",
		failure("brier_skill"), failure("auroc"), failure("onsets"))
	fmt.Fprintf(stdout, "wrote %s and %s\n", modelPath, report)
	return nil
}

// demoReplay prints the table over all services; the tables of each go to a
// file.
func demoReplay(ctx context.Context, stdout io.Writer, o demoOptions, modelPath string) error {
	m, recording, err := openFor(ctx, modelPath, o.judged(), "")
	if err != nil {
		return err
	}
	defer recording.Close()
	table, err := judge(ctx, io.Discard, recording, m, replayOptions{recording: o.judged(), policies: defaultPolicies, seed: 1}, &calibration{})
	if err != nil {
		return err
	}
	path := filepath.Join(o.out, "replay.txt")
	if err := writeFile(path, table.WriteText); err != nil {
		return err
	}
	if err := table.WriteSummary(stdout); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "wrote %s, with each service and what the request log says\n", path)
	return err
}

// harmful are the kinds of fault that make every request of an endpoint worse.
// Of the others a good policy may think less: a pool that shrinks hurts only
// under load, a leak only at its end, a decoy should not be fallen for; and to
// avoid what has crashed takes no model.
var harmful = []string{"slowdown", "error_burst", "fast_failure"}

// clearFaults chooses by the calendar alone: the harmful faults of the held-back
// time that last for twenty-five seconds or more, with quiet around them.
func clearFaults(ctx context.Context, recordingPath, modelPath string) ([]datasets.Fault, error) {
	m, recording, err := openFor(ctx, modelPath, recordingPath, "")
	if err != nil {
		return nil, err
	}
	defer recording.Close()
	split := recording.Split(m.Timing)
	var clear []datasets.Fault
	for i, f := range recording.Faults {
		late := f.Start.Add(-quietBefore).After(split.TestStart) && f.End.Add(quietAfter).Before(split.End)
		long := f.End.Sub(f.Start) >= 25*time.Second
		if late && long && slices.Contains(harmful, f.Kind) && quietAround(recording.Faults, i) {
			clear = append(clear, f)
		}
	}
	if len(clear) == 0 {
		return nil, fmt.Errorf("%s: no harmful fault of 25 seconds stands alone in the held-back part, from %s", recordingPath, split.TestStart.Format(time.RFC3339))
	}
	return clear, nil
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

// demoServe starts the daemon and asks it; what it logs goes to a file.
func demoServe(ctx context.Context, stdout io.Writer, o demoOptions, modelPath string, faults []datasets.Fault) error {
	path := filepath.Join(o.out, "fairwayd.log")
	log, err := os.Create(path)
	if err != nil {
		return err
	}
	defer log.Close()
	daemon, err := startDaemon(ctx, log, o.daemon, "--model", modelPath, "--recording", o.judged(), "--speed", "60", "--from", "held-back")
	if err != nil {
		return err
	}
	asked := interview(ctx, stdout, daemon.address, faults)
	if err := firstError(asked, daemon.stop()); err != nil {
		return fmt.Errorf("%w (fairwayd logged to %s)", err, path)
	}
	return nil
}
