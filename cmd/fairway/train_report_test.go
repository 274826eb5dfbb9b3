package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTrainReports trains once and again against the first model: a page, JSON
// and text all say what the replay says, and the page can be made again.
func TestTrainReports(t *testing.T) {
	dir, schema, history := t.TempDir(), shopSchema(t), shop(t, time.Hour)
	old, fresh := filepath.Join(dir, "old.model"), filepath.Join(dir, "new.model")
	mustCall(t, "train", "--recording", history, "--schema", schema, "--out", old, "--epochs", "1")
	report := func(name string, more ...string) string {
		path := filepath.Join(dir, name)
		args := []string{"train", "--recording", history, "--schema", schema, "--out", fresh, "--epochs", "3", "--report", path}
		mustCall(t, append(args, more...)...)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page := report("r.html", "--against", old)
	for _, want := range []string{"<small>against rules alone</small>", "<small>against model in use</small>", "judged on test time", "Errors in test", "mean MAPE", "--against " + old, "old.model"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	var parsed struct {
		Routing struct {
			Test struct {
				Errors struct{ Windows int }
			}
		}
		Replays []struct{ Reference string }
	}
	if err := json.Unmarshal([]byte(report("r.json", "--against", old)), &parsed); err != nil {
		t.Fatal(err)
	}
	if len(parsed.Replays) != 2 || parsed.Replays[1].Reference != withOldModel || parsed.Routing.Test.Errors.Windows == 0 {
		t.Errorf("the JSON holds %+v", parsed)
	}
	if text := report("r.txt", "--against", old); !strings.Contains(text, "this model against model in use: ") || !strings.Contains(text, "mean MAPE") {
		t.Errorf("the text lacks a verdict or the errors:\n%s", text)
	}
	if text := report("r.txt"); strings.Contains(text, "against rules alone") {
		t.Errorf("the text tells of a replay that nobody asked for:\n%s", text)
	}
}

func TestAgainstIsLookedAtFirst(t *testing.T) {
	dir := t.TempDir()
	_, _, err := call(t, "train", "--recording", "no/such", "--out", filepath.Join(dir, "m"), "--report", filepath.Join(dir, "r.html"), "--against", filepath.Join(dir, "absent"))
	if err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("%v; want that the model in use is missing, before anything else", err)
	}
	var usage usageError
	if _, _, err := call(t, "train", "--recording", "no/such", "--out", filepath.Join(dir, "m"), "--against", "m"); !errors.As(err, &usage) || !strings.Contains(err.Error(), "--report") {
		t.Errorf("%v; want that --against needs --report", err)
	}
}

// TestAgainstItself: a model with frames of its own making decides as one that
// is given them, so that nothing differs.
func TestAgainstItself(t *testing.T) {
	dir, schema, history := t.TempDir(), shopSchema(t), shop(t, time.Hour)
	path, report := filepath.Join(dir, "m"), filepath.Join(dir, "r.json")
	args := []string{"train", "--recording", history, "--schema", schema, "--out", path, "--epochs", "3"}
	mustCall(t, args...)
	mustCall(t, append(args, "--against", path, "--report", report)...)
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Replays []struct {
			Sections []struct {
				Rows []struct {
					Policy string
					Cost   struct{ Value float64 } `json:"cost_seconds"`
				}
			}
		}
	}
	if err := json.Unmarshal(text, &parsed); err != nil {
		t.Fatal(err)
	}
	rows := parsed.Replays[1].Sections[0].Rows
	if rows[0].Policy != withOldModel || rows[1].Policy != withThisModel || rows[0].Cost != rows[1].Cost || rows[0].Cost.Value == 0 {
		t.Errorf("a model differs from itself: %+v", rows[:2])
	}
}
