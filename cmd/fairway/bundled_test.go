package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/train"
)

// bundled are the recordings that the repository ships: to learn from, to
// choose by, and to be judged by.
var bundled = []string{"datasets/recordings/lab-train", "datasets/recordings/lab-validation", "datasets/recordings/lab-test"}

// TestReadmeShowsTheReplay trains on the bundled recordings and replays the
// one for test, as the demo does, and holds the README to what comes out.
func TestReadmeShowsTheReplay(t *testing.T) {
	if underRace {
		t.Skip("it only compares figures: train and replay look for races in what it runs")
	}
	ctx := context.Background()
	var paths []string
	for _, path := range bundled {
		paths = append(paths, filepath.Join("..", "..", filepath.FromSlash(path)))
	}
	file := filepath.Join(t.TempDir(), "demo.model")
	_, _, err := fit(ctx, io.Discard, trainOptions{recordings: paths, out: file, horizon: demoHorizon, config: train.DefaultConfig()})
	if err != nil {
		t.Fatal(err)
	}
	m, recording, err := openFor(ctx, file, paths[len(paths)-1], "")
	if err != nil {
		t.Fatal(err)
	}
	defer recording.Close()
	table, err := judge(ctx, io.Discard, recording, m, replayOptions{recording: bundled[len(bundled)-1], policies: defaultPolicies, seed: 1}, &calibration{})
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := table.WriteSummary(&got); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "replay.txt")
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(got.Bytes(), want) {
		if err := os.WriteFile(golden+".new", got.Bytes(), 0o644); err != nil {
			t.Error(err)
		}
		t.Fatalf("the replay is not %s (%v); it was written to %s.new", golden, err, golden)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```text\n"+string(want)+"```\n") {
		t.Errorf("README.md does not show %s as it is", golden)
	}
}
