package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router/journal"
)

// TestJournal: decisions are in it, also while the daemon writes; another daemon
// may not have the same one, and does without where it did not ask for it.
func TestJournal(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "journal")
	p := start(t, "--recording", recording(t), "--model", persistence(t), "--rules", write(t, "r.yaml", tinyRules), "--speed", "100", "--journal", directory)
	p.until(t, "the model's", func(d *fairwayv1.Decision) bool { return d.Source == fairwayv1.Decision_MODEL })
	page := ""
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) { // it is published before it is kept
		if _, page = p.get(t, "/metrics"); !strings.Contains(page, "\nfairway_journal_appended_total 0\n") {
			break
		}
	}
	if !strings.Contains(page, "\nfairway_journal_failing 0\n") || strings.Contains(page, "\nfairway_journal_appended_total 0\n") {
		t.Error("the metrics know nothing of the journal")
	}
	if err := run(t.Context(), []string{"--recording", recording(t), "--journal", directory, "--listen", "127.0.0.1:0", "--admin", ""}, &log{}, &log{}); err == nil || !strings.Contains(err.Error(), "--journal") {
		t.Errorf("a second daemon with the same journal: %v", err)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	models := 0
	for r, err := range journal.Read(directory) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == journal.Pick { // a sample
			continue
		}
		if r.Kind != journal.Decision || r.Service != "shop" || len(r.Weights) != len(r.Endpoints) || len(r.Endpoints) == 0 || r.Rules != "7" || r.Table == 0 {
			t.Fatalf("%+v", r)
		}
		if r.Source == "MODEL" && r.Model != "" {
			models++
		}
	}
	if models == 0 {
		t.Error("the journal holds no decision of the model's")
	}
}

// TestJournalKeepsPicksAndOutcomes of all requests, where all are asked for.
func TestJournalKeepsPicksAndOutcomes(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "journal")
	p := start(t, "--rules", write(t, "r.yaml", tinyRules), "--journal", directory, "--journal-part", "99.9999%")
	d := p.until(t, "decided", func(d *fairwayv1.Decision) bool { return d.Reason == "no_model" })
	report, err := p.client.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Send(&fairwayv1.OutcomeReport{Service: "shop", Endpoint: d.Endpoint.Name, Status: 200, Propensity: d.Propensity}); err != nil {
		t.Fatal(err)
	}
	if _, err := report.CloseAndRecv(); err != nil {
		t.Fatal(err)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	picks, outcomes := 0, 0
	for r, err := range journal.Read(directory) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == journal.Pick && r.Propensity > 0 {
			picks++
		}
		if r.Kind == journal.Outcome && r.Propensity == d.Propensity && r.By == "local" {
			outcomes++
		}
	}
	if picks == 0 || outcomes != 1 {
		t.Errorf("%d picks and %d outcomes", picks, outcomes)
	}
}

func TestJournalInTheStateDirectory(t *testing.T) {
	state, rules := t.TempDir(), write(t, "r.yaml", tinyRules)
	first := start(t, "--rules", rules, "--state", state)
	if strings.Contains(first.log.String(), "no journal") {
		t.Errorf("the first says %s", first.log)
	}
	second := start(t, "--rules", rules, "--state", state)
	if !strings.Contains(second.log.String(), "no journal is kept") {
		t.Errorf("the second says %s", second.log)
	}
	for _, text := range []string{"0", "-1", "9999999999999"} {
		if err := run(t.Context(), []string{"--rules", rules, "--journal-size", text, "--check-config"}, &log{}, &log{}); err == nil || !strings.Contains(err.Error(), "--journal-size") {
			t.Errorf("--journal-size %s: %v", text, err)
		}
	}
}
