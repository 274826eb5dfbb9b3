package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestMain keeps the tests out of the user's own cache, and is the program
// itself for the benchmark, which starts it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "bench" {
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
