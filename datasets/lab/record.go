package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// Progress is how far a recording is.
type Progress struct {
	Elapsed, Total time.Duration
	Rate           float64 // requests sent in the last second
	Faults         []Fault // under way
}

// Summary is what a recording holds.
type Summary struct {
	Dir              string // where it is; empty when nothing was recorded
	Start, End       time.Time
	Interrupted      bool // ended before its duration
	Requests, Failed int  // Failed: no answer before the deadline, or a 5xx
	Broken           int  // ended without an answer before the deadline was over
	Samples          int
	Faults           []datasets.Fault
	SendDelay        Delay
	Lateness         Delay // of waits of 10 ms, while the machine was recording
}

// meshDir is where the processes keep what is theirs while they run: logs,
// configurations, the database of Prometheus.
const meshDir = "mesh"

// Record runs the mesh that cfg describes, in real time, and leaves a recording
// in cfg.Out. It tells progress once a second; progress may be nil.
//
// Until it is whole the recording is at cfg.Out + ".partial". When ctx ends
// early, what there is becomes the recording if it covers cfg.MinKept or more,
// with its true end; else nothing is left. A recording whose requests were
// sent too late, or that cannot be written or read back, is an error, and what
// there is of it stays at cfg.Out + ".partial".
//
// No process outlives Record. Recordings may be made at the same time, to
// different directories.
func Record(ctx context.Context, cfg Config, progress func(Progress)) (Summary, error) {
	if err := cfg.Validate(); err != nil {
		return Summary{}, err
	}
	if cfg.Choose != nil || cfg.Done != nil {
		return Summary{}, errors.New("a recording draws its endpoints itself; Choose and Done are for Drive")
	}
	faults, err := cfg.Schedule()
	if err != nil {
		return Summary{}, err
	}
	partial, err := makePartial(cfg.Out)
	if err != nil {
		return Summary{}, err
	}
	summary, err := recordInto(ctx, cfg, faults, partial, progress)
	if summary.Dir == "" {
		return summary, errors.Join(err, os.RemoveAll(partial))
	}
	if err != nil {
		return summary, fmt.Errorf("%w; what was recorded is in %s", err, partial)
	}
	if err := os.RemoveAll(filepath.Join(partial, meshDir)); err != nil {
		return summary, err
	}
	if summary.SendDelay.P99 > cfg.MaxSendDelay {
		return summary, fmt.Errorf("requests were sent late (%v; want p99 ≤ %v): the machine is too busy, or too slow for this load; what was recorded is in %s",
			summary.SendDelay, cfg.MaxSendDelay, partial)
	}
	if err := os.Rename(partial, cfg.Out); err != nil {
		return summary, err
	}
	summary.Dir = cfg.Out
	return summary, nil
}

// makePartial makes the directory that becomes out, and returns its absolute
// path. It is made first: that nothing may be written there should not be
// found out at the end.
func makePartial(out string) (string, error) {
	partial, err := filepath.Abs(filepath.Clean(out) + ".partial")
	if err != nil {
		return "", err
	}
	for _, path := range []string{out, partial} {
		if _, err := os.Lstat(path); err == nil {
			return "", fmt.Errorf("%s exists; remove it, or record to another directory", path)
		}
	}
	return partial, os.MkdirAll(filepath.Join(partial, meshDir), 0o755)
}

// recordInto runs the mesh and writes what happens into dir. The summary names
// dir as soon as there is something worth keeping in it.
func recordInto(ctx context.Context, cfg Config, faults []Fault, dir string, progress func(Progress)) (Summary, error) {
	m, err := startMesh(ctx, cfg, filepath.Join(dir, meshDir))
	if err != nil {
		return Summary{}, err
	}
	defer m.close()
	r := newRecorder(m, faults)
	if err := r.run(ctx, progress); err != nil {
		return r.summary, err
	}
	r.summary.Dir = dir
	// What ended the load must not cut off the writing.
	ctx = context.WithoutCancel(ctx)
	if err := r.write(ctx, dir); err != nil {
		return r.summary, err
	}
	return r.summary, readBack(ctx, dir, r.summary)
}

// readBack opens the recording as everyone will, and compares.
func readBack(ctx context.Context, dir string, s Summary) error {
	recording, err := datasets.Open(ctx, dir, "")
	if err != nil {
		return fmt.Errorf("read the recording back: %w", err)
	}
	defer recording.Close()
	requests := 0
	for _, err := range recording.Requests() {
		if err != nil {
			return fmt.Errorf("read the recording back: %w", err)
		}
		requests++
	}
	if requests != s.Requests || len(recording.Faults) != len(s.Faults) {
		return fmt.Errorf("read the recording back: it has %d requests and %d faults; want %d and %d",
			requests, len(recording.Faults), s.Requests, len(s.Faults))
	}
	return nil
}
