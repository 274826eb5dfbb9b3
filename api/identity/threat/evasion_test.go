package threat

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestShared: two identities that share a scan, or a jump, are both found; in a mesh
// of four too, where they are half of it.
func TestShared(t *testing.T) {
	for _, callers := range []int{4, 6} {
		w := newWorld(t, callers, nil)
		w.pass(20 * time.Minute)
		one, two := scanner(w.all[0], 1), scanner(w.all[1], 1)
		scan := func() { one(); two() }
		w.until(w.all[0], Medium, 30*time.Second, scan)
		w.until(w.all[1], Medium, 10*time.Second, scan)

		w = newWorld(t, callers, nil)
		w.pass(20 * time.Minute)
		jump := func() { w.all[0].Sent(600, 600); w.all[1].Sent(600, 600) }
		w.until(w.all[0], Medium, 4*time.Minute, jump)
		w.until(w.all[1], Medium, 10*time.Second, jump)
	}
}

// TestPauses: who sends as much as it may for a minute and a quarter, and is quiet as
// long again and a little more, is not found by its rate, as docs/threats.md says: on
// average that is less than the half of the limit that a medium threat may send. One
// that pauses less is found.
func TestPauses(t *testing.T) {
	play := func(burst, pause int) Level {
		w := newWorld(t, 6, nil)
		w.pass(20 * time.Minute)
		highest := Low
		for i := range 1800 {
			if i%(burst+pause) < burst {
				w.all[0].Sent(limit-100, limit-100)
			}
			w.second(1)
			highest = max(highest, w.all[0].Tier().Level())
		}
		return highest
	}
	if got := play(75, 105); got != Low {
		t.Errorf("with long pauses it is %v", got)
	}
	if got := play(120, 60); got != Medium {
		t.Errorf("with short pauses it is %v", got)
	}
}

// TestBoilingFrog: who grows slowly enough makes his own baseline, and is not found,
// as docs/threats.md says: four times as much in each hour, to twice the limit, or
// twelve services an hour. Sixteen times as much, or twenty services, is found.
func TestBoilingFrog(t *testing.T) {
	grow := func(factor float64) Level {
		w := newWorld(t, 6, nil)
		w.pass(90 * time.Minute)
		for seconds := 0.0; ; seconds++ {
			more := 100 * (math.Pow(factor, seconds/3600) - 1)
			if more > 2*limit {
				return Low
			}
			w.all[0].Sent(int64(min(more, 0.9*limit)), int64(more))
			if more > 0.9*limit {
				w.all[0].Exceeded(Rate)
			}
			if w.second(1); w.all[0].Tier() != 0 {
				return w.all[0].Tier().Level()
			}
		}
	}
	if got := grow(4); got != Low {
		t.Errorf("four times as much in an hour: %v", got)
	}
	if got := grow(16); got != High {
		t.Errorf("sixteen times as much in an hour, to beyond the limit: %v", got)
	}
	ask := func(hourly int) Level {
		w := newWorld(t, 6, nil)
		w.pass(8 * time.Hour)
		for i := range 2 * 3600 {
			if i%(3600/hourly) == 0 {
				w.all[0].Asked(fmt.Sprint("slow-", i))
			}
			if w.second(1); w.all[0].Tier() != 0 {
				return w.all[0].Tier().Level()
			}
		}
		return Low
	}
	if got := ask(12); got != Low {
		t.Errorf("twelve services an hour: %v", got)
	}
	if got := ask(20); got == Low {
		t.Error("twenty services an hour are not found")
	}
}

// TestFlood: however many names there are, no more than so many are remembered, and
// for who does not fit nobody else pays; but whom an operator names has a place, by
// which his word holds.
func TestFlood(t *testing.T) {
	w := newWorld(t, 4, func(c *Config, s *Settings) { c.Most, s.OnFailure = 100, Closed })
	w.pass(time.Minute)
	for i := range 5000 {
		s := w.j.Subject(fmt.Sprintf("spiffe://flood/%d", i))
		if w.j.Unjudged(s) != (i >= 96) {
			t.Fatalf("caller %d: unjudged %v", i, w.j.Unjudged(s))
		}
	}
	if n := len(w.j.subjects); n != 100 {
		t.Errorf("%d are remembered", n)
	}
	if got := testutil.ToFloat64(w.j.metrics.failures["full"]); got != 1 {
		t.Errorf("counted %v times in one window", got)
	}
	w.low("those who were there")
	for _, o := range []Override{{Identity: "spiffe://must/*", Level: Low, Why: "x"}, {Identity: "spiffe://must/work", Level: Low, Why: "x"}} {
		if err := w.j.Override(o); err != nil {
			t.Fatal(err)
		}
	}
	if s := w.j.Subject("spiffe://must/work"); w.j.Unjudged(s) || s.Tier() != 0 {
		t.Errorf("whom an operator names: %v", s.Tier().Level())
	}
	if s := w.j.Subject("spiffe://must/too"); !w.j.Unjudged(s) || s.Tier().Level() != High {
		t.Error("a pattern makes places")
	}
}

// TestNothingPiledUp: what was denied, asked and failed while nobody was judged, or
// while the machine slept, is not taken for what was done in one window.
func TestNothingPiledUp(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(20 * time.Minute)
	off, on := DefaultSettings(), DefaultSettings()
	off.Mode, on.Mode = Off, Enforce
	if err := w.j.SetSettings(off); err != nil {
		t.Fatal(err)
	}
	for i := range 600 {
		w.all[0].Denied(fmt.Sprint("thing-", i/20))
		w.all[1].Failed()
		w.all[2].Asked(fmt.Sprint("other-", i/20))
		w.second(1)
	}
	if err := w.j.SetSettings(on); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		w.second(1)
		w.low("judged again")
	}
}

// TestClockToAndFro: a clock that jumps in both directions fails, raises nobody, and
// leaves nothing that cannot be judged.
func TestClockToAndFro(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(20 * time.Minute)
	for i := range 60 {
		w.now = w.now.Add([]time.Duration{time.Hour, -2 * time.Hour, 30 * time.Second, -3 * time.Second, -1500 * time.Millisecond}[i%5])
		w.second(1)
		w.low("while it jumps")
	}
	w.pass(20 * time.Minute)
	w.low("afterwards")
	if excess := w.all[0].excess; math.IsNaN(excess) || math.IsInf(excess, 0) {
		t.Errorf("the surprise is %v", excess)
	}
	w.until(w.all[0], Medium, 30*time.Second, scanner(w.all[0], 1))
	w.until(w.all[1], Medium, 4*time.Minute, func() { w.all[1].Sent(700, 700) })
}
