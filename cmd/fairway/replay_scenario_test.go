package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
)

// TestReplayScenarioTwice: equal calls give equal bytes, on stdout and in the
// report, and those can be read.
func TestReplayScenarioTwice(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	var outs, pages [2]string
	for i := range outs {
		outs[i] = mustCall(t, "replay", "--scenario", "basic", "--policies", "random,power_of_two,fairway", "--seeds", "2", "--json", "--report", page)
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		pages[i] = string(text)
	}
	if outs[0] != outs[1] || pages[0] != pages[1] {
		t.Error("two equal calls wrote different bytes")
	}
	var f contest.Findings
	if err := json.Unmarshal([]byte(outs[0]), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Comparisons) != 1 || len(f.Comparisons[0].Rows) != 3 || len(f.Verdicts) != 2 || f.Reference != "random" {
		t.Errorf("found %+v", f)
	}
	for _, want := range []string{"fairway replay --scenario basic --policies random,power_of_two,fairway --seed 1 --seeds 2", "cannot tell", "had no model", "basic (built in)"} {
		if !strings.Contains(pages[0], want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if text := mustCall(t, "replay", "--scenario", "basic", "--policies", "random,power_of_two", "--seeds", "2"); !strings.Contains(text, "verdict   power_of_two against random: cannot tell") {
		t.Errorf("the text is %s", text)
	}
}

// TestReplayListNamesAll holds the list to what there is.
func TestReplayListNamesAll(t *testing.T) {
	list := mustCall(t, "replay", "--list")
	names := sim.Builtins()
	for _, d := range router.Strategies() {
		names = append(names, d.Name)
	}
	for _, name := range names {
		if !strings.Contains(list, "\n  "+name+" ") {
			t.Errorf("the list lacks %s", name)
		}
	}
}
