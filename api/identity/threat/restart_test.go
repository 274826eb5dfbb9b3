package threat

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// again is a judge of the same settings, later, that goes on from what w's has saved.
func (w *world) again(later time.Duration) *world {
	w.t.Helper()
	levels, baselines := w.j.SaveLevels(), w.j.SaveBaselines()
	n := &world{t: w.t, reg: prometheus.NewRegistry(), now: w.now.Add(later), rng: w.rng}
	var err error
	if n.j, err = New(w.j.cfg, w.j.settings, n.reg); err != nil {
		w.t.Fatal(err)
	}
	if _, err := n.j.RestoreBaselines(baselines, n.now); err != nil {
		w.t.Fatal(err)
	}
	if _, err := n.j.RestoreLevels(levels, n.now); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range w.all {
		n.all = append(n.all, n.j.Subject(s.name))
	}
	return n
}

// window lets a whole one pass, so that the judge has judged just now.
func (w *world) window() {
	for begun := w.j.judged; w.j.judged.Equal(begun); {
		w.second(1)
	}
}

// TestRestartChangesNothing: a judge that begins with what another has saved says the
// same of everybody, for as long as one looks: of who is raised and who is not, of a
// scan and a jump that go on, and of those that begin later.
func TestRestartChangesNothing(t *testing.T) {
	one := newWorld(t, 8, nil)
	one.pass(75 * time.Minute)
	scan := scanner(one.all[0], 1)
	one.until(one.all[0], Medium, time.Minute, scan)
	one.until(one.all[1], Medium, 4*time.Minute, func() { one.all[1].Sent(600, 600) })
	one.window()
	two := one.again(0)
	if got := two.all[0].Tier(); got != one.all[0].Tier() || !got.Enforced() {
		t.Fatalf("right after the restart: %b", got)
	}
	levels := map[string]bool{}
	for second := range 25 * 60 {
		for i := range one.all {
			n := int64(90 + 20*one.rng.Float64())
			if i == 1 && second < 300 || i == 4 && second > 600 {
				n = 650
			}
			for _, w := range []*world{one, two} {
				for k := range 3 {
					w.all[i].Asked(fmt.Sprintf("service-%d", i+k))
				}
				if i == 0 && second < 200 || i == 5 && second > 700 && second < 900 {
					w.all[i].Asked(fmt.Sprintf("other-%d-%d", i, second))
				}
				if i == 6 && second%200 == 0 {
					w.all[i].Denied(fmt.Sprintf("thing-%d", second%1000))
				}
				w.all[i].Sent(n, n)
			}
		}
		one.tick()
		two.tick()
		for i := range one.all {
			a, b := one.all[i], two.all[i]
			if a.Tier() != b.Tier() || !a.until.Equal(b.until) {
				t.Fatalf("after %d s %s is %v until %v (%s), restarted %v until %v (%s)", second, a.name, a.level, a.until, a.reason, b.level, b.until, b.reason)
			}
			levels[a.level.String()] = true
			for k := range min(len(a.readings), len(b.readings)) { // of which there are none before the first window
				x, y := a.readings[k], b.readings[k]
				if x.Signal != y.Signal || math.Abs(x.Baseline-y.Baseline) > 1e-4*math.Abs(x.Baseline)+1e-5 || math.Abs(x.Value-y.Value) > 1e-3*x.Value || math.Abs(x.Score-y.Score) > 1e-2 {
					t.Fatalf("after %d s of %s: %+v, restarted %+v", second, a.name, x, y)
				}
			}
		}
	}
	if !levels["low"] || !levels["medium"] || !levels["high"] {
		t.Errorf("the test saw %v", levels)
	}
}

// TestLevelsEndWhileDown: by the clock, one step each hold.
func TestLevelsEndWhileDown(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(20 * time.Minute)
	w.until(w.all[2], High, 2*time.Minute, scanner(w.all[2], 3))
	left := w.all[2].until.Sub(w.now)
	for _, c := range []struct {
		down time.Duration
		want Level
		left time.Duration
	}{
		{0, High, left}, {left - time.Second, High, time.Second}, {left, Medium, 5 * time.Minute},
		{left + 4*time.Minute, Medium, time.Minute}, {left + 5*time.Minute, Low, 0}, {300 * time.Hour, Low, 0},
		{-time.Hour, High, 5 * time.Minute}, // the clock went backwards: as if it had just begun
	} {
		j, err := New(w.j.cfg, w.j.settings, prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		now := w.now.Add(c.down)
		raised, err := j.RestoreLevels(w.j.SaveLevels(), now)
		if err != nil || (raised == 1) != (c.want > Low) {
			t.Errorf("down for %v: %d raised, %v", c.down, raised, err)
		}
		s := j.Subject(w.all[2].name)
		if got := s.until.Sub(now); s.Tier().Level() != c.want || c.want > Low && got != c.left {
			t.Errorf("down for %v: %v for %v more, want %v for %v", c.down, s.Tier().Level(), got, c.want, c.left)
		}
		j.Step(now.Add(time.Second))
		if got := s.Tier().Level(); got > c.want || got+1 < c.want {
			t.Errorf("down for %v, and a second later: %v", c.down, got)
		}
	}
}

// TestScanThroughRestarts: who asks about a few new services before each restart is
// found as if there were none, and honest callers of many services are not.
func TestScanThroughRestarts(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(20 * time.Minute)
	n := 0
	for range 3 { // three each time, within ten minutes
		for range 4 {
			n++
			w.all[0].Asked(fmt.Sprint("secret-", n))
		}
		w.pass(20 * time.Second)
		w = w.again(5 * time.Second)
	}
	w.pass(10 * time.Second)
	if got := w.all[0].Tier().Level(); got != Medium {
		t.Errorf("%v after %d new services", got, n)
	}
	w.low0(w.all[0])
	thief := w.j.Subject("spiffe://d/thief") // a newcomer, to a judge that is none
	w.until(thief, High, time.Minute, scanner(thief, 2))
}

// TestAwayForLong: what was counted ages while nobody counts, and a baseline of more
// than an hour ago is none, though levels and overrides are not dropped with it.
func TestAwayForLong(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(20 * time.Minute)
	for n := range 6 {
		w.all[0].Asked(fmt.Sprint("new-", n))
	}
	w.all[0].Failed()
	w.window()
	if got := w.again(9 * time.Minute).all[0].services.sum; got != 6 {
		t.Errorf("%d new services after nine minutes", got)
	}
	later := w.again(11 * time.Minute)
	if s := later.all[0]; s.services.sum != 0 || s.hour.sum+uint32(s.lately) != 9 || s.failed.last(later.j.window-1, span) != 0 || s.known != 9 {
		t.Errorf("after eleven minutes %d new services, %d in an hour, %d known", s.services.sum, s.hour.sum, s.known)
	}
	for n := range 6 {
		later.all[0].Asked(fmt.Sprint("newer-", n))
	}
	later.pass(10 * time.Second)
	later.low("six new services twenty minutes after six others")

	if err := w.j.Override(Override{Identity: w.all[3].name, Level: High, Why: "x", Until: w.now.Add(3 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	levels, baselines := w.j.SaveLevels(), w.j.SaveBaselines()
	j, _ := New(w.j.cfg, w.j.settings, prometheus.NewRegistry())
	now := w.now.Add(2 * time.Hour)
	if _, err := j.RestoreBaselines(baselines, now); err == nil || !strings.Contains(err.Error(), "1h0m0s") {
		t.Errorf("two hours later: %v", err)
	}
	if _, err := j.RestoreLevels(levels, now); err != nil || j.Subject(w.all[3].name).Tier().Level() != High {
		t.Errorf("two hours later: %v", err)
	}
	j.Step(now.Add(time.Second))
	j.Step(now.Add(61 * time.Minute))
	if got := j.Subject(w.all[3].name).Tier(); got != 0 {
		t.Errorf("after the override: %b", got)
	}
}

// TestSleepAges: what came before the machine slept is not of the last ten minutes.
func TestSleepAges(t *testing.T) {
	for sleep, want := range map[time.Duration]Level{time.Minute: Medium, 11 * time.Minute: Low, 1e6 * time.Hour: Low} {
		w := newWorld(t, 6, nil)
		w.pass(20 * time.Minute)
		for n := range 6 {
			w.all[0].Asked(fmt.Sprint("new-", n))
		}
		w.window()
		w.now = w.now.Add(sleep)
		w.j.Step(w.now)
		for n := range 6 {
			w.all[0].Asked(fmt.Sprint("newer-", n))
		}
		w.pass(10 * time.Second)
		if got := w.all[0].Tier().Level(); got != want {
			t.Errorf("six new services, %v of sleep, and six others are %v, want %v", sleep, got, want)
		}
	}
}

// TestSavedNames: names, reasons and times as strange as they come are the same after
// a restart, and what nobody can have is left out rather than in the way of others.
func TestSavedNames(t *testing.T) {
	names := []string{"spiffe://d/0", "cn:\xff\xfe\x00\n\"", "dns:ü.example", "cn:" + strings.Repeat("x", longestName-3), "cn:" + strings.Repeat("y", 70_000), ""}
	w := newWorld(t, 0, nil)
	for _, name := range names {
		w.all = append(w.all, w.j.Subject(name))
	}
	w.pass(12 * time.Minute)
	for i, s := range w.all {
		s.reason, s.signal, s.level, s.until = strings.Repeat("ü", longestReason), signalRate, High, w.now.Add(time.Minute)
		s.example("\xff\xff")
		if names[i] == "" {
			continue
		}
		o := Override{Identity: names[i][:min(len(names[i]), 2000)], Level: Medium, Why: strings.Repeat("w", 2048), Until: time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -12*3600))}
		if err := w.j.Override(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.j.Override(Override{Identity: "*", Level: Low, Why: "for ever"}); err != nil {
		t.Fatal(err)
	}
	n := w.again(0)
	for i, s := range n.all {
		if want := len(names[i]) <= longestName && names[i] != ""; (s.level == High) != want || (s.windows > 0) != want {
			t.Errorf("%.20q is %v, and was judged for %d windows", names[i], s.level, s.windows)
		}
	}
	if got := n.j.said[len(n.j.said)-1]; !got.Until.IsZero() || got.Identity != "*" {
		t.Errorf("%+v", got)
	}
	if text, err := json.Marshal(n.j.View()); err != nil {
		t.Errorf("%v %s", err, text)
	}
	n.pass(time.Minute)
}

// TestOffExpires: levels end while the mode is off, and while the machine sleeps, as
// many steps as there were holds.
func TestOffExpires(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(20 * time.Minute)
	w.until(w.all[2], High, 2*time.Minute, scanner(w.all[2], 3))
	settings := w.j.settings
	off := settings
	off.Mode = Off
	if err := w.j.SetSettings(off); err != nil || w.j.SaveLevels() != nil || w.j.SaveBaselines() != nil {
		t.Errorf("something is kept while the mode is off, or %v", err)
	}
	for range 3600 {
		w.tick()
	}
	if err := w.j.SetSettings(settings); err != nil || w.all[2].Tier() != 0 {
		t.Errorf("an hour later: %v, %v", w.all[2].Tier().Level(), err)
	}
	w.pass(15 * time.Minute)
	w.until(w.all[3], High, 2*time.Minute, scanner(w.all[3], 3))
	w.now = w.now.Add(time.Hour)
	w.j.Step(w.now)
	if got := w.all[3].Tier(); got != 0 {
		t.Errorf("after an hour of sleep: %v", got.Level())
	}
}

// TestOffDoesNotFail: what went wrong while nobody had to be judged is no reason to
// refuse everybody once callers are.
func TestOffDoesNotFail(t *testing.T) {
	w := newWorld(t, 4, func(_ *Config, s *Settings) { s.Mode, s.OnFailure = Off, Closed })
	w.pass(time.Minute)
	w.now = w.now.Add(-time.Hour)
	w.pass(time.Hour)
	settings := w.j.settings
	settings.Mode = Enforce
	if err := w.j.SetSettings(settings); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		w.low("after a clock that went backwards while the mode was off")
		w.second(1)
	}
}

// TestTrackers: that of a rate that matters is kept, as it was before the level was
// raised.
func TestTrackers(t *testing.T) {
	w := newWorld(t, 2, nil) // of a tenth of the limit each
	w.all = append(w.all, w.j.Subject("spiffe://d/small"))
	for range 20 * 60 {
		w.all[2].Sent(0, 0)
		w.second(1)
	}
	small := w.all[2]
	small.base.Mean = limit / 100.
	n := w.again(0)
	if n.all[0].frozen == nil || n.all[2].frozen != nil {
		t.Error("trackers of other rates are kept")
	}
	if got := len(w.all[0].tracker()); got > longestTracker {
		t.Errorf("a tracker has %d bytes", got)
	}
	n.all[0].frozen = n.all[0].frozen[:100]
	n.pass(time.Minute) // which begins anew
}

// TestUntilIsSaved: a level that goes on is to be saved again before much of its hold
// has passed, or else it would end too early after a restart.
func TestUntilIsSaved(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(20 * time.Minute)
	changed := func() bool {
		select {
		case <-w.j.Changed():
			w.j.SaveLevels()
			return true
		default:
			return false
		}
	}
	changed()
	w.pass(5 * time.Minute)
	if changed() {
		t.Error("something is to be saved though nothing changed")
	}
	scan := scanner(w.all[0], 1)
	w.until(w.all[0], High, 2*time.Minute, scan)
	saves, kept := 0, w.all[0].until
	for range 10 * 60 {
		scan()
		w.second(1)
		if changed() {
			saves, kept = saves+1, w.all[0].until
		}
		if late := w.all[0].until.Sub(kept); late > w.j.settings.Hold/4+window {
			t.Fatalf("%v of the hold are not saved", late)
		}
	}
	if saves < 5 || saves > 15 {
		t.Errorf("%d saves in ten minutes", saves)
	}
}
