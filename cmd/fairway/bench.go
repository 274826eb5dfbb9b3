package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/prom/generated"
)

// newBenchCommand is `fairway bench`: measurements of fairway itself.
func newBenchCommand() *cobra.Command {
	return group("bench", "measure fairway itself", newBenchReadCommand(), newBenchWalkCommand(), newBenchReplayCommand(),
		newBenchNetworkCommand(), newBenchRoutingCommand(), newBenchRoutingModelCommand(), newBenchForecastCommand(), newBenchForecastModelCommand(),
		newBenchAblationCommand(), newBenchServeCommand(), newBenchServeDaemonCommand(), newBenchTrialCommand(), newBenchRollbackCommand(), newBenchThreatsCommand())
}

// readFigures is the last line of `fairway bench read`. Ratios are of times for
// the same samples in the same run; above 1 fairway is faster.
type readFigures struct {
	// The time that `promtool tsdb dump` takes to print the blocks, over the
	// time that fairway takes to open them, to evaluate all queries of the
	// schema lab over them (which read every sample) and to make a frame of
	// every window.
	TSDB float64 `json:"tsdb_vs_promtool"`
	// The time that `promtool tsdb create-blocks-from openmetrics` takes to
	// read a text and to write its blocks, over the time that fairway takes to
	// read it into memory, ready for queries.
	OpenMetrics float64 `json:"openmetrics_vs_promtool"`
	// Frames made per second of the first walk above. A frame is a window of a
	// service, of ten endpoints here.
	Frames float64 `json:"frames_per_s"`
	// The largest anonymous memory (RssAnon, which counts the Go heap and
	// leaves out the pages of the blocks' files, which the system takes back
	// when it needs them) of a process that walks blocks, for a span and for
	// one ten times as long.
	Peak1x  float64 `json:"peak_mib_1x"`
	Peak10x float64 `json:"peak_mib_10x"`
}

// The sizes of what is generated. The longest is a tenth of 14 days of 1,000
// endpoints.
const (
	benchScrape        = 15 * time.Second
	benchEndpoints     = 200
	benchSpan          = 24 * time.Hour
	benchTextSpan      = time.Hour
	benchPeakEndpoints = 100
	benchPeakSpan      = 14 * 24 * time.Hour
	benchRuns          = 3           // at most; the median counts
	benchRepeat        = time.Minute // no run is repeated that has taken longer in all
)

type benchOptions struct {
	directory string
	scale     float64
	seed      uint64
}

// scaledBench completes a benchmark that can do with a share of its work, which
// `of` names, and whose figures are one line of JSON.
func scaledBench(cmd *cobra.Command, scale *float64, of string, run func(cmd *cobra.Command) (figures any, err error)) *cobra.Command {
	cmd.Args = noArguments
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !(*scale > 0 && *scale <= 1) {
			return usagef("--scale is %v; want more than 0, at most 1", *scale)
		}
		figures, err := run(cmd)
		if err != nil {
			return err
		}
		return json.NewEncoder(cmd.OutOrStdout()).Encode(figures)
	}
	cmd.Flags().Float64Var(scale, "scale", 1, "share of "+of)
	return cmd
}

func newBenchReadCommand() *cobra.Command {
	var o benchOptions
	cmd := scaledBench(&cobra.Command{
		Use:   "read",
		Short: "compare the reading of a large history with promtool's",
		Long: `Generates metrics of a mesh from a seed (they are made up, and for measuring
only), reads them with fairway and with promtool (Debian's prometheus) one after
the other, and prints one JSON line. Needs two cores, 1 GiB of disk and some
minutes.`,
	}, &o.scale, "the spans that is generated", func(cmd *cobra.Command) (figures any, err error) {
		directory, err := os.MkdirTemp(o.directory, "fairway-bench-")
		if err != nil {
			return nil, err
		}
		defer func() { err = firstError(err, os.RemoveAll(directory)) }()
		b := readBench{benchOptions: o, directory: directory, log: cmd.ErrOrStderr()}
		return b.run(cmd.Context())
	})
	flags := cmd.Flags()
	flags.StringVar(&o.directory, "dir", "", "directory for what is generated, which is removed at the end (default the system's)")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of what is generated")
	return cmd
}

type readBench struct {
	benchOptions
	directory string
	log       io.Writer
}

func (b *readBench) say(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

func (b *readBench) run(ctx context.Context) (f readFigures, err error) {
	if _, err := exec.LookPath("promtool"); err != nil {
		return f, fmt.Errorf("promtool is not there (Debian's package prometheus brings it): %w", err)
	}
	if err := b.blocks(ctx, &f); err != nil {
		return f, err
	}
	if err := b.text(ctx, &f); err != nil {
		return f, err
	}
	if f.Peak1x, err = b.peak(ctx, "1x", benchPeakSpan/10); err != nil {
		return f, err
	}
	f.Peak10x, err = b.peak(ctx, "10x", benchPeakSpan)
	return f, err
}

// mesh is a mesh whose span is scaled.
func (b *readBench) mesh(endpoints int, span time.Duration) generated.Mesh {
	span = max(10*time.Minute, time.Duration(b.scale*float64(span))).Truncate(benchScrape)
	return generated.Mesh{
		Endpoints: endpoints, Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Span: span, Scrape: benchScrape, Seed: b.seed,
	}
}

// generate writes blocks into a folder that promtool takes for a database.
func (b *readBench) generate(ctx context.Context, name string, m generated.Mesh) (string, error) {
	b.say("generating %d endpoints for %v: %d samples", m.Endpoints, m.Span, m.Samples())
	path := filepath.Join(b.directory, name)
	if err := os.MkdirAll(filepath.Join(path, "wal"), 0o755); err != nil {
		return "", err
	}
	return path, m.WriteBlocks(ctx, path)
}

func (b *readBench) blocks(ctx context.Context, f *readFigures) error {
	m := b.mesh(benchEndpoints, benchSpan)
	path, err := b.generate(ctx, "day", m)
	if err != nil {
		return err
	}
	var own []time.Duration
	var last walked
	for start := time.Now(); len(own) == 0 || len(own) < benchRuns && time.Since(start) < benchRepeat; {
		if last, err = b.walk(ctx, path); err != nil {
			return err
		}
		own = append(own, last.duration())
	}
	theirs, err := b.promtool(ctx, "tsdb", "dump", path)
	if err != nil {
		return err
	}
	f.TSDB = theirs.Seconds() / median(own).Seconds()
	f.Frames = float64(last.Frames) / median(own).Seconds()
	b.say("%d samples in blocks: fairway %v (of which the extractor %.1f s), promtool tsdb dump %v", m.Samples(), median(own), last.Extractor, theirs)
	return os.RemoveAll(path)
}

func (b *readBench) text(ctx context.Context, f *readFigures) error {
	m := b.mesh(benchEndpoints, benchTextSpan)
	path := filepath.Join(b.directory, "metrics.om")
	b.say("generating %d endpoints for %v as OpenMetrics: %d samples", m.Endpoints, m.Span, m.Samples())
	if err := writeFile(path, func(w io.Writer) error { return m.WriteText(ctx, w) }); err != nil {
		return err
	}
	var own, theirs []time.Duration
	for range benchRuns {
		start := time.Now()
		dump, err := prom.Open(ctx, path)
		if err != nil {
			return err
		}
		own = append(own, time.Since(start))
		if err := dump.Close(); err != nil {
			return err
		}
		taken, err := b.promtool(ctx, "tsdb", "create-blocks-from", "openmetrics", path, filepath.Join(b.directory, "created"))
		if err != nil {
			return err
		}
		theirs = append(theirs, taken)
		if err := os.RemoveAll(filepath.Join(b.directory, "created")); err != nil {
			return err
		}
	}
	f.OpenMetrics = median(theirs).Seconds() / median(own).Seconds()
	b.say("%d samples in text: fairway %v, promtool tsdb create-blocks-from openmetrics %v", m.Samples(), median(own), median(theirs))
	return os.Remove(path)
}

func (b *readBench) peak(ctx context.Context, name string, span time.Duration) (float64, error) {
	m := b.mesh(benchPeakEndpoints, span)
	path, err := b.generate(ctx, name, m)
	if err != nil {
		return 0, err
	}
	w, err := b.walk(ctx, path)
	if err != nil {
		return 0, err
	}
	b.say("%d samples: %d frames in %v, at most %.0f MiB of anonymous memory (%.0f MiB with the pages of files)",
		m.Samples(), w.Frames, w.duration(), w.PeakAnonymous, w.PeakResident)
	return w.PeakAnonymous, os.RemoveAll(path)
}

// promtool runs it to its end, and returns how long that took.
func (b *readBench) promtool(ctx context.Context, args ...string) (time.Duration, error) {
	b.say("promtool %s %s", args[0], args[1])
	cmd := exec.CommandContext(ctx, "promtool", args...)
	cmd.Stderr = b.log
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("promtool %v: %w", args, err)
	}
	return time.Since(start), nil
}

// walk runs `fairway bench walk` in a process of its own, whose memory nothing
// else has touched.
func (b *readBench) walk(ctx context.Context, path string) (w walked, err error) {
	b.say("fairway: all queries over %s", filepath.Base(path))
	program, err := os.Executable()
	if err != nil {
		return w, err
	}
	cmd := exec.CommandContext(ctx, program, "bench", "walk", path)
	cmd.Stderr = b.log
	out, err := cmd.Output()
	if err != nil {
		return w, fmt.Errorf("fairway bench walk: %w", err)
	}
	return w, json.Unmarshal(out, &w)
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}
