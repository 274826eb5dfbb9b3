package threat

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// scanner asks about services that nobody asked about before.
func scanner(s *Subject, each int) func() {
	n := 0
	return func() {
		for range each {
			n++
			s.Asked(fmt.Sprintf("secret-%s-%d", s.Name(), n))
		}
	}
}

// TestScan: a caller that begins to ask about other services is a medium threat
// when they are more than a deployment brings, a high one beyond the limit of
// them; then it goes down one step at a time, each after its time, and is told.
func TestScan(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(20 * time.Minute)
	w.low("ordinary traffic")
	thief := w.all[2]
	scan := scanner(thief, 1)
	if took := w.until(thief, Medium, 30*time.Second, scan); took < 8*time.Second {
		t.Errorf("medium after %v, at one service a second", took)
	}
	if took := w.until(thief, High, time.Minute, scan); took < 15*time.Second {
		t.Errorf("high after %v more", took)
	}
	if !thief.Tier().Enforced() || thief.Tier().Quarantined() {
		t.Errorf("tier %b", thief.Tier())
	}
	view := w.j.View()
	first := view.Callers[0]
	if first.Identity != thief.Name() || first.Level != High || first.Signal != signalEdges || first.Until.IsZero() || !strings.Contains(first.Reason, "limit 32") || len(first.Newest) != mostExamples {
		t.Errorf("told %+v", first)
	}
	text, err := json.Marshal(view)
	if err != nil || !strings.Contains(string(text), `"level":"high"`) {
		t.Errorf("%s, %v", text, err)
	}
	down := w.until(thief, Medium, 20*time.Minute, nil)
	if down < 5*time.Minute {
		t.Errorf("medium again after %v", down)
	}
	if down = w.until(thief, Low, 20*time.Minute, nil); down < 5*time.Minute {
		t.Errorf("low again after %v more", down)
	}
	for _, s := range w.all {
		if s != thief && s.Tier() != 0 {
			t.Errorf("%s is %v", s.Name(), s.Tier().Level())
		}
	}
	for to, want := range map[Level]float64{Medium: 1, High: 1} {
		if got := testutil.ToFloat64(w.j.metrics.changes[change{to, signalEdges}]); got != want {
			t.Errorf("%v changes to %v, want %v", got, to, want)
		}
	}
	if got := strings.Count(w.log.String(), "threat level"); got != 4 {
		t.Errorf("%d changes are logged, want 4:\n%s", got, w.log.String())
	}
	if _, err := testutil.GatherAndLint(w.reg); err != nil {
		t.Error(err)
	}
}

// TestNewcomer: one that nobody knows and that scans at once is caught by its
// peers, one that asks about as much as they do is not.
func TestNewcomer(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(15 * time.Minute)
	honest := w.j.Subject("spiffe://d/honest")
	for i := range 6 {
		honest.Asked(fmt.Sprintf("service-%d", i))
	}
	w.all = append(w.all, honest)
	thief := w.j.Subject("spiffe://d/thief")
	w.until(thief, High, time.Minute, scanner(thief, 2))
	w.pass(10 * time.Minute)
	w.low("a new caller")
}

// TestRestart: after a restart everybody is new, and one that asks about very many
// services is no newcomer that scans.
func TestRestart(t *testing.T) {
	w := newWorld(t, 6, nil)
	gateway := w.j.Subject("spiffe://d/gateway")
	w.all = append(w.all, gateway)
	ask := scanner(gateway, 10)
	for range 20 {
		ask()
		w.second(1)
	}
	w.pass(30 * time.Minute)
	w.low("a gateway after a restart")
	if strings.Contains(w.log.String(), "threat level") {
		t.Error(w.log.String())
	}
}

// TestSurge: where most callers rise together, nobody is raised, though all are
// beyond half of the limit; one that rises alone is.
func TestSurge(t *testing.T) {
	w := newWorld(t, 8, nil)
	w.pass(20 * time.Minute)
	for range 120 {
		w.second(7)
		w.low("all send seven times as much")
	}
	w.pass(30 * time.Minute)
	alone := w.all[0]
	w.until(alone, Medium, 3*time.Minute, func() { alone.Sent(700, 700) })
	w.until(alone, High, time.Minute, func() { alone.Sent(1000, 1100); alone.Exceeded(Rate) })
	w.low0(alone)
}

// low0 wants all others to be low.
func (w *world) low0(but *Subject) {
	w.t.Helper()
	for _, s := range w.all {
		if s != but && s.Tier() != 0 {
			w.t.Errorf("%s is %v", s.Name(), s.Tier().Level())
		}
	}
}

// TestLearnsSlowly: while a level is raised the baseline hardly moves, and not at
// all by what was refused.
func TestLearnsSlowly(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(20 * time.Minute)
	alone := w.all[0]
	send := func() { alone.Sent(0, 700) }
	w.until(alone, Medium, 3*time.Minute, send)
	before := alone.base.Mean
	for range 240 {
		send()
		w.second(1)
	}
	if alone.Tier().Level() != Medium {
		t.Fatalf("%v after four minutes of the same", alone.Tier().Level())
	}
	if after := alone.base.Mean; after > 1.05*before || after < 0.95*before {
		t.Errorf("the baseline goes from %v to %v by what was refused", before, after)
	}
	if peak := max(alone.peak.is, slices.Max(alone.peak.parts[:])); peak > 1.5*before {
		t.Errorf("the peak is %v, by what was refused", peak)
	}
}

// TestFraming: whoever fails to prove a name raises nobody's level, but all
// strangers' together, which refuses nobody; what is remembered of what they
// claim is bounded.
func TestFraming(t *testing.T) {
	w := newWorld(t, 4, nil)
	w.pass(5 * time.Minute)
	strangers := w.j.strangers.subject
	for second := range 60 {
		for i := range 50 {
			w.j.Stranger(unverified(t, w.all[0].Name()))
			w.j.Stranger(unverified(t, fmt.Sprintf("spiffe://made-up-%d.example/x", 50*second+i)))
		}
		w.j.Stranger(errors.New("EOF"))
		w.second(1)
	}
	w.low("framed")
	if strangers.told != High || strangers.Tier() != 0 {
		t.Errorf("strangers are %v, tier %v", strangers.told, strangers.Tier())
	}
	claims := w.j.strangers.claims()
	if len(claims) > mostClaimed || claims["d"] < 3000 {
		t.Errorf("claims %v", claims)
	}
	if err := w.j.Override(Override{Identity: "*", Level: High, Why: "test"}); err != nil {
		t.Fatal(err)
	}
	if strangers.Tier() != 0 {
		t.Error("an override refuses somebody for strangers")
	}
}

// TestDenied: one that tries many things that it may not do is a threat; one that
// tries the same again and again is a slip of the pen.
func TestDenied(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(10 * time.Minute)
	for range 600 {
		w.all[1].Denied("service-x")
		w.second(1)
	}
	w.low("the same is denied again and again")
	n := 0
	try := func() { n++; w.all[1].Denied(fmt.Sprint("thing-", n)) }
	w.until(w.all[1], Medium, 20*time.Second, try)
	w.until(w.all[1], High, time.Minute, try)
	w.low0(w.all[1])
}

// TestOverride: what an operator says holds until it ends; the more exact of two
// counts.
func TestOverride(t *testing.T) {
	w := newWorld(t, 6, func(_ *Config, s *Settings) {
		s.Overrides = []Override{{Identity: "spiffe://d/*", Level: Medium, Why: "all of them", Until: noon.Add(12 * time.Minute)}}
	})
	w.pass(11 * time.Minute)
	if got := w.all[3].Tier().Level(); got != Medium {
		t.Fatalf("%v", got)
	}
	thief := w.all[0]
	if err := w.j.Override(Override{Identity: thief.Name(), Level: Low, Until: noon.Add(20 * time.Minute), Why: "a test of ours"}); err != nil {
		t.Fatal(err)
	}
	scan := scanner(thief, 5)
	for w.now.Before(noon.Add(19 * time.Minute)) {
		scan()
		w.second(1)
		if thief.Tier() != 0 {
			t.Fatalf("%v against the override, at %v", thief.Tier().Level(), w.now)
		}
	}
	if got := w.all[3].Tier().Level(); got != Low {
		t.Errorf("%v after the override of the settings", got)
	}
	w.until(thief, High, 2*time.Minute, scan)
	if err := w.j.Override(Override{Identity: thief.Name(), Level: Low, Why: "again"}); err != nil || thief.Tier() != 0 {
		t.Errorf("%v, %v", err, thief.Tier())
	}
	if !w.j.Clear(thief.Name()) || w.j.Clear(thief.Name()) || thief.Tier().Level() != High {
		t.Errorf("cleared: %v", thief.Tier().Level())
	}
	for _, bad := range []Override{{}, {Identity: "a"}, {Identity: "a*b", Why: "x"}, {Identity: "a", Why: " "}, {Identity: "a", Why: "x", Level: 3}, {Identity: strings.Repeat("a", 5000), Why: "x"}} {
		if w.j.Override(bad) == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	for i := range mostOverrides + 1 {
		if err := w.j.Override(Override{Identity: fmt.Sprint("spiffe://x/", i), Level: High, Why: "x"}); (err == nil) != (i < mostOverrides) {
			t.Fatalf("override %d: %v", i, err)
		}
	}
}

// TestFailures: while the judge fails, callers are low, or high where that was
// asked for; overrides hold; and it comes back.
func TestFailures(t *testing.T) {
	for _, policy := range []string{Open, Closed} {
		w := newWorld(t, 4, func(_ *Config, s *Settings) { s.OnFailure = policy })
		want := Low
		if policy == Closed {
			want = High
		}
		w.pass(2 * time.Minute)
		if err := w.j.Override(Override{Identity: w.all[3].Name(), Level: Low, Why: "must work"}); err != nil {
			t.Fatal(err)
		}
		fails := func(cause string) {
			t.Helper()
			if got := w.all[0].Tier().Level(); got != want || w.all[3].Tier() != 0 {
				t.Errorf("%s, %s: %v and %v; want %v and low", policy, cause, got, w.all[3].Tier().Level(), want)
			}
			if v := w.j.View(); v.Failing != cause || testutil.ToFloat64(w.j.metrics.failures[cause]) != 1 {
				t.Errorf("%s: failing %q, want %q", policy, v.Failing, cause)
			}
		}
		w.now = w.now.Add(-time.Hour)
		w.j.Step(w.now)
		fails("clock")
		w.pass(10 * time.Second)
		w.low(policy + ": after the clock went backwards")

		w.j.order = append(w.j.order, nil) // whatever may be wrong
		w.pass(5 * time.Second)
		fails("panic")
		w.j.order = nil
		w.pass(10 * time.Second)
		w.low(policy + ": after a panic")
		if strings.Count(w.log.String(), "cannot be judged") < 2 {
			t.Errorf("the log says\n%s", w.log.String())
		}
	}
}

// TestFull: who comes when all places are taken cannot be judged; a place is free
// when somebody is gone for ten minutes.
func TestFull(t *testing.T) {
	w := newWorld(t, 4, func(c *Config, s *Settings) { c.Most, s.OnFailure = 4, Closed })
	late := w.j.Subject("spiffe://d/late")
	if !w.j.Unjudged(late) || late.Tier().Level() != High {
		t.Fatalf("%v", late.Tier())
	}
	w.j.LetGo(w.all[0])
	w.all = w.all[1:]
	w.pass(9 * time.Minute)
	if !w.j.Unjudged(w.j.Subject("spiffe://d/late")) {
		t.Error("somebody was forgotten after nine minutes")
	}
	w.pass(2 * time.Minute)
	if late = w.j.Subject("spiffe://d/late"); w.j.Unjudged(late) || late.Tier() != 0 {
		t.Error("no place after eleven minutes")
	}
	if !w.j.Unjudged(w.j.Subject("spiffe://d/later")) {
		t.Error("somebody who calls was forgotten")
	}
}

// TestSleep: what was counted while the machine slept is nobody's fault, and levels
// end in that time.
func TestSleep(t *testing.T) {
	w := newWorld(t, 4, nil)
	w.pass(20 * time.Minute)
	w.until(w.all[0], Medium, time.Minute, scanner(w.all[0], 1))
	w.all[1].Sent(1e6, 1e6)
	w.now = w.now.Add(time.Hour)
	w.j.Step(w.now)
	w.low("after an hour of sleep")
}

// TestModes: off is nothing, a dry run is not enforced, and neither what was judged
// nor overrides are lost between them.
func TestModes(t *testing.T) {
	w := newWorld(t, 2, func(_ *Config, s *Settings) { s.Mode = DryRun })
	w.j.Override(Override{Identity: w.all[0].Name(), Level: High, Why: "x"})
	if tier := w.all[0].Tier(); tier.Level() != High || tier.Enforced() {
		t.Errorf("dry-run: %b", tier)
	}
	settings := DefaultSettings()
	settings.Mode, settings.OnHigh = Enforce, Quarantine
	if err := w.j.SetSettings(settings); err != nil {
		t.Fatal(err)
	}
	if tier := w.all[0].Tier(); tier.Level() != High || !tier.Enforced() || !tier.Quarantined() {
		t.Errorf("enforce: %b", tier)
	}
	settings.Mode = Off
	if err := w.j.SetSettings(settings); err != nil || w.all[0].Tier() != 0 {
		t.Errorf("off: %v, %b", err, w.all[0].Tier())
	}
	settings.Mode = "on"
	if err := w.j.SetSettings(settings); err == nil {
		t.Error("mode on is taken")
	}
}
