package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router/journal"
)

// kept is a journal with an entry of each kind, which is still written to.
func kept(t *testing.T) (directory string) {
	t.Helper()
	directory = t.TempDir()
	cfg := journal.DefaultConfig()
	cfg.Stream = 5
	j, err := journal.Open(directory, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	at := time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC)
	for _, e := range []journal.Entry{
		{Kind: journal.Decision, Time: at, Service: "shop", Source: "MODEL", Endpoints: []string{"e0", "e1"}, Weights: []float64{1, math.NaN()}},
		{Kind: journal.Pick, Time: at, Service: "shop", Endpoint: "e0", Propensity: 0.5},
		{Kind: journal.Outcome, Time: at, Service: "shop", Endpoint: "e0", Propensity: 0.5, Path: "/a,b<c", Latency: 20 * time.Millisecond, Status: 200, InFlight: -1, Deadline: time.Second},
		{Kind: journal.Outcome, Time: at.Add(time.Second), Service: "shop", Endpoint: "e0", InFlight: 3, Latency: -1},
	} {
		if !j.Append(&e) {
			t.Fatal("an entry did not fit")
		}
	}
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return directory
}

func TestJournalShow(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(mustCall(t, "journal", "show", kept(t))), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i, want := range []string{
		`"kind":"decision","time":"2026-01-01T00:01:00Z","service":"shop","source":"MODEL"`, `"propensity":0.5}`,
		`"path":"/a,b<c"`, `"propensity":null,"latency_seconds":-1e-9,"deadline_seconds":0,"status":0,"in_flight":3`,
	} {
		if !strings.Contains(lines[i], want) || !json.Valid([]byte(lines[i])) {
			t.Errorf("line %d is %s; want %s in it", i, lines[i], want)
		}
	}
	if !strings.Contains(lines[0], `"weights":[1,null]`) || strings.Contains(lines[0], "propensity") || strings.Contains(lines[1], "status") {
		t.Errorf("the first two are\n%s\n%s", lines[0], lines[1])
	}
	if _, _, err := call(t, "journal", "show"); exitStatus(err) != 2 {
		t.Errorf("without a directory: %v", err)
	}
	if _, _, err := call(t, "journal", "show", filepath.Join(t.TempDir(), "none")); exitStatus(err) != 1 {
		t.Errorf("of a directory that is not there: %v", err)
	}
}

// TestJournalExport: replay's reader finds the requests in the recording.
func TestJournalExport(t *testing.T) {
	directory, recording := kept(t), shopRecording(t, "")
	if _, _, err := call(t, "journal", "export", directory, "--out", recording); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("over a request log: %v", err)
	}
	if err := os.Remove(filepath.Join(recording, "requests.csv")); err != nil {
		t.Fatal(err)
	}
	_, said, err := call(t, "journal", "export", directory, "--out", recording)
	if err != nil || !strings.Contains(said, "2 requests, 1 of them") {
		t.Fatal(said, err)
	}
	if out := mustCall(t, "inspect", recording); !strings.Contains(out, "2 in the log, 1 of them") {
		t.Errorf("inspect writes\n%s", out)
	}
	file := filepath.Join(t.TempDir(), "log.csv")
	mustCall(t, "journal", "export", directory, "--out", file)
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), `1767225660.000000,shop,,,"/a,b<c",e0,0.5,0.020000,200,1`) {
		t.Errorf("%s %v", text, err)
	}
	for _, args := range [][]string{{t.TempDir(), "--out", file}, {directory, "--out", t.TempDir()}} {
		if _, _, err := call(t, append([]string{"journal", "export"}, args...)...); exitStatus(err) != 1 {
			t.Errorf("export %q: %v", args, err)
		}
	}
	if again, err := os.ReadFile(file); err != nil || string(again) != string(text) {
		t.Error("an export that failed changed the file")
	}
}

// TestJournalDamage: what else is there is shown, and the damage told.
func TestJournalDamage(t *testing.T) {
	directory := kept(t)
	if err := os.WriteFile(filepath.Join(directory, "0000000000000002.journal"), []byte("this is not a segment of a journal"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, said, err := call(t, "journal", "show", directory)
	if err != nil || strings.Count(out, "\n") != 4 || !strings.Contains(said, "0000000000000002.journal") {
		t.Errorf("%v; it says %s and shows\n%s", err, said, out)
	}
}
