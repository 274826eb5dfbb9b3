package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/prom/generated"
)

// TestMain keeps the tests out of the user's own cache. Called with a command
// and not with the flags of a test, it is the program itself: the benchmark
// starts it, and tests that need one to kill.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		main()
	}
	dir, err := os.MkdirTemp("", "fairway-cache-")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_CACHE_HOME", dir)
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// TestCacheDoesNotShow trains and predicts with and without a cache, and with
// one that was filled before.
func TestCacheDoesNotShow(t *testing.T) {
	history, schema := shop(t, time.Hour), shopSchema(t)
	dir := t.TempDir()
	slices := func() int {
		files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.parquet"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	var reports, tables []string
	var kept []int
	for _, cache := range []string{"off", dir, dir} {
		file := filepath.Join(t.TempDir(), "shop.model")
		mustCall(t, "train", "--recording", history, "--schema", schema, "--out", file, "--epochs", "1", "--cache", cache)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, string(content))
		tables = append(tables, mustCall(t, "predict", "--recording", history, "--model", file, "--cache", cache))
		kept = append(kept, slices())
	}
	for i := range reports {
		if reports[i] != reports[0] || tables[i] != tables[0] {
			t.Errorf("run %d differs from the one without a cache", i)
		}
	}
	if kept[0] != 0 || kept[1] == 0 || kept[2] != kept[1] {
		t.Errorf("slices kept after each run: %v", kept)
	}
}

// TestProcessesShareACache starts three of them at once on an empty directory.
func TestProcessesShareACache(t *testing.T) {
	m := generated.Mesh{Endpoints: 10, Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Span: time.Hour, Scrape: benchScrape, Seed: 5}
	blocks, dir := t.TempDir(), t.TempDir()
	if err := m.WriteBlocks(t.Context(), blocks); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	frames := func(out []byte) int {
		var w walked
		if err := json.Unmarshal(out, &w); err != nil {
			t.Fatalf("%v: %q", err, out)
		}
		return w.Frames
	}
	var outs [3]bytes.Buffer
	var started [3]*exec.Cmd
	for i := range started {
		cmd := exec.CommandContext(t.Context(), program, "bench", "walk", blocks, "--cache", dir)
		cmd.Stdout, cmd.Stderr = &outs[i], &outs[i] // what is told would be no JSON
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		started[i] = cmd
	}
	for i, cmd := range started {
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v: %s", err, outs[i].String())
		}
		if n, first := frames(outs[i].Bytes()), frames(outs[0].Bytes()); n != first || n == 0 {
			t.Errorf("one process made %d frames, another %d", first, n)
		}
	}
	kept, err := filepath.Glob(filepath.Join(dir, "*", "*", "*"))
	if err != nil || len(kept) == 0 {
		t.Fatal(kept, err)
	}
	hidden, err := filepath.Glob(filepath.Join(dir, "*", "*", ".*"))
	if err != nil || len(hidden) > 0 {
		t.Errorf("left behind: %v %v", hidden, err)
	}
}
