package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// walked is what one walk through a history took.
type walked struct {
	Seconds       float64 `json:"seconds"`   // from opening it to the last frame
	Extractor     float64 `json:"extractor"` // seconds of them
	Frames        int     `json:"frames"`
	PeakAnonymous float64 `json:"peak_anonymous_mib"` // RssAnon, looked at every 10 ms
	PeakResident  float64 `json:"peak_resident_mib"`  // VmHWM, with the pages of files
}

func (w walked) duration() time.Duration {
	return time.Duration(w.Seconds * float64(time.Second)).Round(time.Millisecond)
}

// newBenchWalkCommand is run by `bench read`, in a process of its own.
func newBenchWalkCommand() *cobra.Command {
	cache := cacheOff
	cmd := &cobra.Command{
		Use:    "walk PATH",
		Hidden: true,
		Args:   arguments("a recording"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := walkMeasured(cmd.Context(), args[0], openCache(cmd.ErrOrStderr(), cache))
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(w)
		},
	}
	cmd.Flags().StringVar(&cache, "cache", cache, "directory for windows, or off")
	return cmd
}

func walkMeasured(ctx context.Context, path string, cache *datasets.Cache) (w walked, err error) {
	stop := make(chan struct{})
	peak := make(chan float64)
	go func() { peak <- watchAnonymous(stop) }()
	start := time.Now()
	w.Frames, w.Extractor, err = walkFrames(ctx, path, cache)
	w.Seconds = time.Since(start).Seconds()
	close(stop)
	if w.PeakAnonymous = <-peak; err == nil {
		w.PeakResident, err = statusMiB("VmHWM")
	}
	return w, err
}

// walkFrames makes all frames of a history.
func walkFrames(ctx context.Context, path string, cache *datasets.Cache) (frames int, extractor float64, err error) {
	recording, err := datasets.Open(ctx, path, "lab")
	if err != nil {
		return 0, 0, err
	}
	defer recording.Close()
	recording.Cache = cache
	x := features.New(features.DefaultConfig())
	timing := mesh.Timing{Step: benchScrape, Range: time.Minute, Delay: benchScrape, Horizon: time.Minute}
	var inside time.Duration
	for w, err := range recording.Windows(ctx, timing) {
		if err != nil {
			return frames, 0, err
		}
		start := time.Now()
		if _, err := x.Push(w); err != nil {
			return frames, 0, err
		}
		inside += time.Since(start)
		frames++
	}
	return frames, inside.Seconds(), nil
}

// watchAnonymous returns the largest anonymous memory, in MiB, until stop; 0
// where it cannot be seen.
func watchAnonymous(stop <-chan struct{}) (peak float64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if now, err := statusMiB("RssAnon"); err == nil {
			peak = max(peak, now)
		}
		select {
		case <-tick.C:
		case <-stop:
			return peak
		}
	}
}

// statusMiB reads a size of this process from the Linux kernel.
func statusMiB(name string) (float64, error) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			var kib float64
			_, err := fmt.Sscanf(text, "%f kB", &kib)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no %s", name)
}
