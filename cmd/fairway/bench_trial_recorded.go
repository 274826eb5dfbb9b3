package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/trial"
)

// recordedChanges are those that can be tried in a recording, which knows no other
// load than it had: what a line does to the endpoints is not in it, but their noise
// and their faults are real. Innocent ones: at a light load the formula gives equal
// weights, which are their own inverse.
var recordedChanges = []string{"jittered", "restless"}

const (
	recordedFrom  = 2 * time.Minute // after the beginning, and before the end
	recordedEvery = time.Minute     // a trial begins
)

// recordedWindow is a window, and what both lines make of it.
type recordedWindow struct {
	mesh.Window
	former, tried mesh.Weights
}

// recorded tries a change at each minute of a recording.
func (b *trialBench) recorded(ctx context.Context, path string, c *change) (trialFigures, error) {
	windows, err := b.walk(ctx, path, c)
	if err != nil || len(windows) == 0 {
		return trialFigures{}, err
	}
	var runs []tried
	end := windows[len(windows)-1].Time.Add(-recordedFrom)
	for at := windows[0].Time.Add(recordedFrom); at.Before(end); at = at.Add(recordedEvery) {
		first, _ := slices.BinarySearchFunc(windows, at, func(w recordedWindow, at time.Time) int { return w.Time.Compare(at) })
		v := tryRecorded(windows, first)
		runs = append(runs, tried{verdict: v, after: v.Time.Sub(windows[first].Time)})
	}
	f := summed(c, runs)
	f.Change += ", " + filepath.Base(path)
	return f, nil
}

// walk decides on all windows of a recording, by the rules' formula: it needs no
// model of their schema.
func (b *trialBench) walk(ctx context.Context, path string, c *change) (all []recordedWindow, err error) {
	recording, err := datasets.Open(ctx, path, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = firstError(err, recording.Close()) }()
	line, err := router.Named("fairway", nil, nil, router.DefaultConfig())
	if err != nil {
		return nil, err
	}
	changed, extractor := c.line(rand.New(rand.NewPCG(b.o.seed, 1))), features.New(features.DefaultConfig())
	var d router.Decision
	for w, err := range recording.Windows(ctx, recording.Timing(0, 0)) {
		if err != nil {
			return nil, err
		}
		f, err := extractor.Push(w)
		if err != nil {
			return nil, err
		}
		if err := line.Decide(&d, f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		w.Endpoints, w.Values, w.Requests = slices.Clone(w.Endpoints), slices.Clone(w.Values), slices.Clone(w.Requests)
		r := recordedWindow{w, slices.Clone(d.Weights), slices.Clone(d.Weights)}
		changed(r.tried)
		all = append(all, r)
	}
	return all, nil
}

// tryRecorded tries from a window on, and is the last verdict.
func tryRecorded(windows []recordedWindow, first int) trial.Verdict {
	start := windows[first].Time
	t, v := trial.New(trial.DefaultConfig(), start), trial.Verdict{Time: start}
	for i := first; i < len(windows) && v.Step == trial.GoOn; i++ {
		w := &windows[i]
		t.Observe(&w.Window)
		t.InForce(w.Time, w.Service, w.Endpoints, w.former, w.tried)
		if i+1 == len(windows) || windows[i+1].Time.After(w.Time) {
			v = t.Judge(w.Time)
		}
	}
	return v
}
