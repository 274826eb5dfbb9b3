package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/train"
)

// smallMeshes are two small meshes that are scraped as differently as can be, and one
// in which something happens.
const smallMeshes = `
duration: 12m
deadline: 500ms
network: 500us
proxies: {count: 2}
arrivals: {load: 0.3}
work: {distribution: exponential, mean: 100ms}
endpoints:
  - {count: 2, workers: 2}
  - {count: 2, workers: 4, speed: 0.5}
variants:
  swift: {metrics: {scrape: 500ms, delay: 500ms, step: 5s, range: 10s}}
  sluggish: {metrics: {scrape: 15s, delay: 15s, step: 15s, range: 60s}}
  troubled:
    metrics: {scrape: 2s, delay: 2s, step: 5s, range: 10s}
    events: [{kind: errors, at: 600s, for: 60s, ratio: 0.5, select: {index: [1]}}]
`

// simulated records one of the meshes.
func simulated(t *testing.T, variant, duration string) string {
	t.Helper()
	folder := t.TempDir()
	file, out := filepath.Join(folder, "meshes.yaml"), filepath.Join(folder, variant)
	if err := os.WriteFile(file, []byte(smallMeshes), 0o600); err != nil {
		t.Fatal(err)
	}
	mustCall(t, "lab", "simulate", "--scenario", file+"#"+variant, "--duration", duration, "--seed", "3", "--out", out)
	return out
}

// TestTrainTogether: two simulated meshes and the lab, each looked at as its
// scrapes allow, make one model, which is served as the first is.
func TestTrainTogether(t *testing.T) {
	lab := filepath.Join("..", "..", "datasets", "recordings", "lab-validation")
	swift, sluggish := simulated(t, "swift", "12m"), simulated(t, "sluggish", "12m")
	folder := t.TempDir()
	file, report := filepath.Join(folder, "together.model"), filepath.Join(folder, "report.json")
	mustCall(t, "train", "--recording", swift, "--recording", sluggish, "--recording", lab, "--out", file, "--report", report, "--epochs", "2", "--cache", "off")
	m, err := model.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if m.Timing.Step != 5*time.Second || m.Timing.Delay != 500*time.Millisecond || len(m.Card.Recordings) != 3 {
		t.Errorf("timing %+v, %d recordings", m.Timing, len(m.Card.Recordings))
	}
	r := reportIn(t, report)
	// 60 % of twelve minutes, less what the first windows need.
	if swift, sluggish := r.Parts[0].Train, r.Parts[1].Train; swift < 75 || swift > 87 || sluggish < 18 || sluggish > 29 {
		t.Errorf("%d decisions of the mesh with a step of 5 s, %d of that with 15 s", swift, sluggish)
	}
	if lab := r.Parts[2]; lab.Validation < 700 || lab.Train > 0 {
		t.Errorf("the lab: %+v", lab)
	}
	// --window is for all of them.
	log := mustCall(t, "train", "--recording", swift, "--recording", sluggish, "--out", file, "--window", "30s", "--horizon", "90s", "--epochs", "1", "--cache", "off")
	if m, err = model.Load(file); err != nil || m.Timing.Step != 30*time.Second {
		t.Errorf("%v: step %v; want 30s\n%s", err, m.Timing.Step, log)
	}
}

func reportIn(t *testing.T, path string) train.Report {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r train.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRareFailuresAreDrawn: of a recording that is too long to be held, all
// decisions before its one failure are learned from, at the rate that they had.
func TestRareFailuresAreDrawn(t *testing.T) {
	recording, folder := simulated(t, "troubled", "1h"), t.TempDir()
	learned := func(rows string) train.Report {
		t.Helper()
		report := filepath.Join(folder, rows+".json")
		mustCall(t, "train", "--recording", recording, "--out", filepath.Join(folder, "m"), "--rows", rows, "--report", report, "--epochs", "2", "--cache", "off")
		return reportIn(t, report)
	}
	whole, drawn := learned("5000"), learned("1000")
	if whole.Parts[0].Train < 400 || drawn.Parts[0].Train > 250 {
		t.Fatalf("%d decisions of all, %d drawn", whole.Parts[0].Train, drawn.Parts[0].Train)
	}
	w, d := whole.Failure, drawn.Failure
	if w.Before[0] < 5 || d.Before[0] != w.Before[0] || d.Onsets != w.Onsets {
		t.Errorf("%v decisions before a failure and %v onsets; of the whole %v and %v", d.Before, d.Onsets, w.Before, w.Onsets)
	}
	if ratio := d.BaseRate / w.BaseRate; ratio < 0.85 || ratio > 1.15 {
		t.Errorf("the base rate is %v; of the whole %v", d.BaseRate, w.BaseRate)
	}
}

// stopped is a context that is cancelled as soon as a file is there.
type stopped struct {
	context.Context
	file string
}

func (s stopped) Err() error {
	if _, err := os.Stat(s.file); err == nil {
		return context.Canceled
	}
	return nil
}

// TestTrainResumes: a training that was stopped says how to go on, and gives
// the model that it would have given.
func TestTrainResumes(t *testing.T) {
	dump, schema := shop(t, 20*time.Minute), shopSchema(t)
	args := func(out string, more ...string) []string {
		return append([]string{"train", "--recording", dump, "--schema", schema, "--window", "15s", "--horizon", "45s", "--epochs", "6", "--cache", "off", "--out", out}, more...)
	}
	whole, out := filepath.Join(t.TempDir(), "m"), filepath.Join(t.TempDir(), "m")
	mustCall(t, args(whole)...)
	want, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	stop := func(more ...string) {
		t.Helper()
		var log bytes.Buffer
		err := run(stopped{t.Context(), checkpointOf(out)}, args(out, more...), &log, &log)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "--resume") {
			t.Fatalf("stopped with %v; want to be told of --resume\n%s", err, log.String())
		}
	}
	stop()
	if _, log, err := call(t, args(out, "--resume", "--seed", "9")...); err == nil || !strings.Contains(err.Error(), "its seed is 1, here it is 9") {
		t.Errorf("another seed went on: %v\n%s", err, log)
	}
	if _, log, err := call(t, args(out, "--resume")...); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the resumed model is another (%v)", err)
	}
	if _, err := os.Stat(checkpointOf(out)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the checkpoint is still there: %v", err)
	}
	if _, log, err := call(t, args(out, "--resume")...); err != nil || !strings.Contains(log, "begins anew") {
		t.Errorf("%v: nothing to go on from is not told: %s", err, log)
	}
	stop()
	if _, log, err := call(t, args(out)...); err != nil || !strings.Contains(log, "is given up") {
		t.Errorf("%v: an earlier checkpoint is not told of: %s", err, log)
	}
}

// TestTrainFromAnEarlierModel starts warm, and searches.
func TestTrainFromAnEarlierModel(t *testing.T) {
	dump, schema := shop(t, 20*time.Minute), shopSchema(t)
	first, second := filepath.Join(t.TempDir(), "first.model"), filepath.Join(t.TempDir(), "second.model")
	args := []string{"train", "--recording", dump, "--schema", schema, "--window", "15s", "--horizon", "45s", "--epochs", "3", "--cache", "off"}
	mustCall(t, append(args, "--out", first)...)
	text, log, err := call(t, append(args, "--out", second, "--warm-start", first, "--search", "3")...)
	if err != nil || log != "" { // no bar in a pipe
		t.Fatalf("%v: %q", err, log)
	}
	for _, want := range []string{"went on from that of the earlier model first", "search, 3 trials"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
	if _, _, err := call(t, append(args, "--out", second, "--warm-start", first, "--network", "softmax")...); err == nil || !strings.Contains(err.Error(), "kind outcome, not softmax") {
		t.Errorf("error %v; want one about the kind", err)
	}
	for _, c := range []struct{ flag, value, want string }{
		{"--search", "1", "--search is 1"}, {"--search", "1000", "trials are 1000"}, {"--budget", "-1s", "--budget"}, {"--rows", "10", "rows held"},
	} {
		_, _, err := call(t, append(args, "--out", second, c.flag, c.value)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || exitStatus(err) != 2 {
			t.Errorf("%s %s: %v (status %d)", c.flag, c.value, err, exitStatus(err))
		}
	}
}

func TestTrainRefusesWhatWouldBeLost(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.model")
	for want, args := range map[string][]string{
		"the report would take the model's place": {"--recording", "r", "--report", filepath.Dir(file) + "/./a.model"},
		"names ./r/ twice":                        {"--recording", "r", "--recording", "./r/"},
	} {
		_, _, err := call(t, append([]string{"train", "--out", file}, args...)...)
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q", err, want)
		}
	}
}
