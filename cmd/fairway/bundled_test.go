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

// bundled is the recording that the repository ships.
const bundled = "datasets/recordings/lab-1"

// TestReadmeShowsTheReplay trains on the bundled recording and replays its
// held-back part, as the demo does, and holds the README to what comes out.
func TestReadmeShowsTheReplay(t *testing.T) {
	path, ctx := filepath.Join("..", "..", filepath.FromSlash(bundled)), context.Background()
	file := filepath.Join(t.TempDir(), "demo.model")
	_, _, err := fit(ctx, io.Discard, trainOptions{recordings: []string{path}, out: file, horizon: demoHorizon, config: train.DefaultConfig()})
	if err != nil {
		t.Fatal(err)
	}
	m, recording, err := openFor(ctx, file, path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer recording.Close()
	table, err := judge(ctx, recording, m, replayOptions{recording: bundled, policies: defaultPolicies, seed: 1})
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
