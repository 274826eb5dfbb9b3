package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/train"
)

// TestTrainHeedsObjectives: what a service's rules say is a failure is one, and
// what they do not is told by its past.
func TestTrainHeedsObjectives(t *testing.T) {
	recording := simulated(t, "troubled", "25m")
	folder := t.TempDir()
	limits := func(name, rules string) (train.Limit, [3]int) {
		t.Helper()
		file, report := filepath.Join(folder, name+".yaml"), filepath.Join(folder, name+".json")
		args := []string{"train", "--recording", recording, "--out", filepath.Join(folder, name+".model"), "--report", report, "--epochs", "1", "--cache", "off"}
		if rules != "" {
			if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, "--rules", file)
		}
		mustCall(t, args...)
		text, err := os.ReadFile(report)
		if err != nil {
			t.Fatal(err)
		}
		var r struct{ Failure train.FailureReport }
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		return r.Failure.Limits[0], r.Failure.Onsets
	}
	usual, onsets := limits("usual", "")
	if usual.ErrorRatio != 0.05 || onsets[0]+onsets[1]+onsets[2] == 0 {
		t.Errorf("without rules the limits are %+v, and %v begin to fail", usual, onsets)
	}
	own, onsets := limits("own", "services: [{name: simulated, objective: {max_error_ratio: 0.9, max_latency: 90s}}]")
	if own.ErrorRatio != 0.9 || own.Latency != 90 || !own.Configured || onsets[0]+onsets[1]+onsets[2] != 0 {
		t.Errorf("with rules the limits are %+v, and %v begin to fail", own, onsets)
	}
	file := filepath.Join(folder, "none.yaml")
	if err := os.WriteFile(file, []byte("services: [{name: simulated}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := call(t, "train", "--recording", recording, "--out", filepath.Join(folder, "none.model"), "--rules", file)
	if err == nil || !strings.Contains(err.Error(), "gives no service an objective") {
		t.Errorf("rules without objectives: %v", err)
	}
}
