package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh/porttest"
	"github.com/fairway-mesh/fairway/model"
)

// TestBeginsWithoutPrometheus: the rules answer while nobody knows the metrics, and
// the model does once Prometheus is there. The schema is found out then.
func TestBeginsWithoutPrometheus(t *testing.T) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("prometheus is not installed: apt-get install prometheus")
		}
		t.Skip("prometheus is not installed")
	}
	address := porttest.Address(t)
	p := start(t, "--prometheus", "http://"+address, "--model", persistence(t), "--rules", write(t, "rules.yaml", tinyRules))
	d := p.until(t, "the rules'", func(d *fairwayv1.Decision) bool { return d.Source == fairwayv1.Decision_RULES })
	if d.RulesVersion != "7" || d.MetricsAt != nil {
		t.Errorf("got %v", d)
	}
	p.until(t, "told", func(*fairwayv1.Decision) bool { return strings.Contains(p.log.String(), "no metrics") })
	if code, body := p.get(t, "/readyz"); code != 200 || !strings.Contains(body, address) {
		t.Errorf("/readyz: %d %s; want it ready, for the rules answer, and what is missing", code, body)
	}
	kill := scrape(t, program, t.TempDir(), address, exposition(t))
	defer kill()
	p.until(t, "the model's", func(d *fairwayv1.Decision) bool { return d.Source == fairwayv1.Decision_MODEL })
}

// TestNothingSet: the program serves with no flag at all, and says where it looks.
func TestNothingSet(t *testing.T) {
	p := start(t)
	wait(t, func() bool { return strings.Contains(p.log.String(), defaultPrometheus) })
	if d := p.decide(t); d.Reason != "no_endpoints" && d.Endpoint.Name == "" {
		t.Errorf("got %v", d)
	}
}

// wait waits until something is so. How long is the test's own limit.
func wait(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never")
		}
	}
}

// TestRulesChange: other rules in the file are served without a restart, a file with an
// error is told and changes nothing, and what was last served outlasts a restart with
// it.
func TestRulesChange(t *testing.T) {
	rules, state := write(t, "rules.yaml", tinyRules), t.TempDir()
	p := start(t, "--rules", rules, "--state", state)
	p.until(t, "of the rules", func(d *fairwayv1.Decision) bool { return d.RulesVersion == "7" })
	change := func(text string) {
		t.Helper()
		replace(t, rules, []byte(text))
	}
	change(strings.Replace(tinyRules, `"7"`, `"8"`, 1))
	p.until(t, "of the new rules", func(d *fairwayv1.Decision) bool { return d.RulesVersion == "8" })
	change("services:\n  - nam: shop\n")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.until(t, "told of an error", func(d *fairwayv1.Decision) bool { return strings.Contains(p.log.String(), "rules.yaml:2") })
	if d := p.decide(t, "end-user", "jason"); d.RulesVersion != "8" || d.Endpoint.Name != "c" {
		t.Errorf("after the error: %v", d)
	}
	_, page := p.get(t, "/metrics")
	for _, line := range []string{`fairway_reloads_total{result="refused",subject="rules"} 1`, `fairway_reloads_total{result="adopted",subject="rules"} 1`} {
		if !strings.Contains(page, line) {
			t.Errorf("/metrics has no %s", line)
		}
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	again := start(t, "--rules", rules, "--state", state)
	again.until(t, "of the last good rules", func(d *fairwayv1.Decision) bool { return d.RulesVersion == "8" })
}

// TestCorruptRegistry: the newest model that can be read serves where the latest cannot,
// and a new one is served when it is published.
func TestCorruptRegistry(t *testing.T) {
	dir := t.TempDir()
	r, err := model.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load(persistence(t))
	if err != nil {
		t.Fatal(err)
	}
	publish := func() {
		t.Helper()
		if _, err := r.Publish(context.Background(), m); err != nil {
			t.Fatal(err)
		}
	}
	publish()
	publish()
	if err := os.WriteFile(filepath.Join(dir, "000002.model"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--recording", recording(t), "--speed", "20", "--model", dir, "--no-trial")
	version := func(n int) func(*fairwayv1.Decision) bool {
		return func(d *fairwayv1.Decision) bool { return d.ModelVersion == fmt.Sprintf("persistence@%d", n) }
	}
	p.first(t, version(1))
	publish()
	p.until(t, "of version 3", version(3))
	_, page := p.get(t, "/metrics")
	if !strings.Contains(page, `fairway_model_info{created="1970-01-01T00:00:00Z",name="persistence",version="3"} 1`) {
		t.Error("/metrics does not have the version")
	}
}
