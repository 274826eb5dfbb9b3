package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/router"
)

// tiny is a scenario that every strategy can live in for a moment: metrics and
// decisions, two proxies, an endpoint that is away for a while.
const tiny = `
name: tiny
warm_up: 2s
duration: 12s
network: 250us
proxies: {count: 2}
arrivals: {load: 0.6}
work: {mean: 20ms}
endpoints:
  - {count: 4, workers: 2}
  - {count: 1, workers: 2, speed: 0.5}
events:
  - {kind: crash, at: 6s, for: 2s, select: {index: [1]}}
metrics: {scrape: 1s, delay: 100ms, step: 1s, range: 2s}
`

func tinyScenario(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tiny.yaml")
	if err := os.WriteFile(file, []byte(tiny), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestReplayEveryStrategy runs all strategies by name, and combinations of
// which each part is made for something else, in one call.
func TestReplayEveryStrategy(t *testing.T) {
	names := []string{
		"random+slow_start+outlier_ejection", "c3+outlier_ejection", "oracle+slow_start", "pid/prequal", "pid/oracle",
		"board/weighted", "pid/board_power_of_two", "board/oracle", "capacity/c3", "least_loaded:ties=1",
	}
	for _, d := range router.Strategies() {
		names = append(names, d.Name)
	}
	out := mustCall(t, "replay", "--scenario", tinyScenario(t), "--policies", strings.Join(names, ","), "--seeds", "2", "--json")
	if !json.Valid([]byte(out)) {
		t.Fatalf("no JSON: %.200s", out)
	}
	for _, name := range names {
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, string(quoted)) {
			t.Errorf("nothing is told of %s", name)
		}
	}
}

// TestReplayStrategiesThatAreNone are wrong calls, told before anything runs.
func TestReplayStrategiesThatAreNone(t *testing.T) {
	file := tinyScenario(t)
	for name, want := range map[string]string{
		"prequel":                    `no strategy is called "prequel"`,
		"random:x=1":                 `no parameter "x=1"`,
		"prequal:q=7":                "want a number from 0 to 1",
		"pid:kp=7":                   "want a number from 0 to 2",
		"least_loaded:ties=0.5":      "want a whole number from 0 to 1",
		"oracle/weighted":            `no strategy is called "oracle"`,
		"pid/magic":                  `no picker is called "magic"`,
		"pid/":                       `no picker is called ""`,
		"random+ejection":            `no overlay is called "ejection"`,
		"random+slow_start:window=0": "window is",
	} {
		out, log, err := call(t, "replay", "--scenario", file, "--policies", "random,"+name, "--seeds", "2")
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) || out != "" || strings.Contains(log, "simulating") {
			t.Errorf("%s: %v, %q; want a wrong call that says %q", name, err, out, want)
		}
	}
}
