package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestBenchRead runs the benchmark on minutes of metrics: what it prints can
// be read, and nothing is left behind. How fast it was does not matter.
func TestBenchRead(t *testing.T) {
	tool(t, "promtool")
	dir := t.TempDir()
	out, log, err := call(t, "bench", "read", "--scale", "0.001", "--dir", dir)
	if err != nil {
		t.Fatal(err, log)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var figures map[string]float64
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &figures); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	for _, name := range []string{"tsdb_vs_promtool", "openmetrics_vs_promtool", "frames_per_s", "peak_mib_1x", "peak_mib_10x"} {
		if !(figures[name] > 0) {
			t.Errorf("%s is %v in %s", name, figures[name], out)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if _, _, err := call(t, "bench", "read", "--scale", "2"); exitStatus(err) != 2 {
		t.Errorf("a scale of 2 gives %v; want a wrong call", err)
	}
}
