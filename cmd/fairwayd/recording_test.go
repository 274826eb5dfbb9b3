package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

var recorded = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)

// recording is two minutes of shop, scraped each second: a and b take 20
// requests/s each, a in 10 ms and b in 40 ms.
func recording(t testing.TB) (path string) {
	t.Helper()
	counts, sums, busy := &strings.Builder{}, &strings.Builder{}, &strings.Builder{}
	for s := range 121 {
		at := recorded.Add(time.Duration(s) * time.Second).Unix()
		for name, latency := range map[string]float64{"a": 0.010, "b": 0.040} {
			labels := fmt.Sprintf(`{service="shop",endpoint=%q}`, name)
			fmt.Fprintf(counts, "tiny_seconds_count%s %d %d\n", labels, 20*s, at)
			fmt.Fprintf(sums, "tiny_seconds_sum%s %g %d\n", labels, 20*float64(s)*latency, at)
			fmt.Fprintf(busy, "tiny_busy%s %g %d\n", labels, 20*latency/2, at)
		}
	}
	return write(t, "metrics.om", "# TYPE tiny_seconds summary\n"+counts.String()+sums.String()+"# TYPE tiny_busy gauge\n"+busy.String()+"# EOF\n")
}

// TestPlay: the held-back part is served with the recording's own time, by a
// policy that the earlier part has warmed up; at the end it goes stale.
func TestPlay(t *testing.T) {
	held := recorded.Add(100 * time.Second)
	path := recording(t)
	p := start(t, "--recording", path, "--model", persistence(t, learned(t, path, held)), "--from", "held-back", "--speed", "10", "--stale-after", "6s")
	first := p.first(t, func(d *fairwayv1.Decision) bool { return d.DecidedAt != nil })
	at := first.DecidedAt.AsTime()
	if at.Before(held) || first.Source != fairwayv1.Decision_MODEL {
		t.Errorf("the first decision is %v; want one of the model, not before %v", first, held)
	}
	if got := at.Sub(first.MetricsAt.AsTime()); got != time.Second || first.MetricsAge.AsDuration() != got {
		t.Errorf("the metrics are %v old and said to be %v; want a second", got, first.MetricsAge.AsDuration())
	}
	if len(first.Weights) != 2 || first.Weights[0].Weight <= first.Weights[1].Weight {
		t.Errorf("weights %v; want more on a, which takes a quarter of the time", first.Weights)
	}
	last := p.until(t, "stale", func(d *fairwayv1.Decision) bool { return d.Reason == "stale" })
	if end := recorded.Add(121 * time.Second); last.Source != fairwayv1.Decision_RULES || !last.DecidedAt.AsTime().After(end) || last.MetricsAt.AsTime().After(end) {
		t.Errorf("after the end: %v", last)
	}
	if !strings.Contains(p.log.String(), "the recording is over") {
		t.Error("the log does not say that the recording is over")
	}
}

// first is until from before the first table, when there are no endpoints.
func (p *program) first(t testing.TB, is func(*fairwayv1.Decision) bool) *fairwayv1.Decision {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if d := p.decide(t); is(d) {
			return d
		}
		select {
		case <-ctx.Done():
			t.Fatal("no decision")
		case <-time.After(time.Millisecond):
		}
	}
}

// TestOnce: the program ends with the recording.
func TestOnce(t *testing.T) {
	var said log
	args := []string{"--listen", "127.0.0.1:0", "--recording", recording(t), "--schema", write(t, "tiny.yaml", tiny), "--speed", "100000", "--once"}
	if err := run(t.Context(), args, &said, &said); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "reason=no_model") || !strings.Contains(said.String(), "stopped") {
		t.Errorf("it said:\n%s", &said)
	}
}

// TestNothingHeldBack: a model must not be shown off on what it learned from.
func TestNothingHeldBack(t *testing.T) {
	path := recording(t)
	file := persistence(t, learned(t, path, recorded.Add(time.Hour)))
	err := run(t.Context(), []string{"--listen", "127.0.0.1:0", "--recording", path, "--model", file, "--from", "held-back"}, &log{}, &log{})
	if err == nil || !strings.Contains(err.Error(), "trained on all of "+path) {
		t.Errorf("got %v", err)
	}
}

// TestHeldBackElsewhere: a recording that the training did not have is held
// back from its beginning.
func TestHeldBackElsewhere(t *testing.T) {
	p := start(t, "--recording", recording(t), "--model", persistence(t), "--from", "held-back", "--speed", "10")
	first := p.first(t, func(d *fairwayv1.Decision) bool { return d.DecidedAt != nil })
	if at := first.DecidedAt.AsTime(); at.After(recorded.Add(30 * time.Second)) {
		t.Errorf("the first decision is of %v; want one near the beginning, %v", at, recorded)
	}
}

// TestShadow: the model is asked, and the rules are served.
func TestShadow(t *testing.T) {
	p := start(t, "--recording", recording(t), "--model", persistence(t), "--rules", write(t, "r.yaml", tinyRules), "--speed", "1000", "--shadow")
	d := p.until(t, "in the shadow", func(d *fairwayv1.Decision) bool { return d.Reason == "shadow" && d.DecidedAt != nil })
	if d.Source != fairwayv1.Decision_RULES || d.Policy != "static" || d.ModelVersion != "persistence" {
		t.Errorf("got %v", d)
	}
}
