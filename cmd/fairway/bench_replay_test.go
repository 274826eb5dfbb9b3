package main

import (
	"encoding/json"
	"testing"
)

// TestBenchReplay runs the benchmark on little: what it prints can be read, and
// has every figure.
func TestBenchReplay(t *testing.T) {
	out := mustCall(t, "bench", "replay", "--scale", "0.01")
	var f replayFigures
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	if !(f.MM1 > 5 && f.MM1 < 20 && f.P2C > 2 && f.P2C < 4 && f.Plain > 0 && f.Supervised > 0 && f.Ours > 0 && f.Requests > 0) {
		t.Errorf("figures are %s", out)
	}
	for _, name := range nineRules {
		if !(f.NineRules[name] > 0) {
			t.Errorf("no p99 of %s in %s", name, out)
		}
	}
	if _, _, err := call(t, "bench", "replay", "--scale", "2"); exitStatus(err) != 2 {
		t.Errorf("a scale of 2 gives %v; want a wrong call", err)
	}
}
