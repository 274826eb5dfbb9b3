package threat

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestAtOnce: callers come, ask and go by the thousand while the judge pronounces, is
// saved and looked at, operators overrule and clear, and the mode changes. At the end
// what an operator said last holds, and nobody who is still there was forgotten.
func TestAtOnce(t *testing.T) {
	w := newWorld(t, 3, func(c *Config, _ *Settings) { c.Most = 50 })
	var running sync.WaitGroup
	all := func(times int, do func(i int)) {
		running.Go(func() {
			for i := range times {
				do(i)
			}
		})
	}
	for g := range 3 {
		all(1000, func(i int) {
			s := w.j.Subject(fmt.Sprintf("cn:%d\xff%d", g, i%100))
			s.Asked(fmt.Sprint("service-", i))
			s.Denied(fmt.Sprint("thing-", i))
			s.Failed()
			s.Exceeded(Rate)
			s.Sent(10, 20)
			_ = s.Tier().Level()
			if !w.j.Unjudged(s) {
				w.j.LetGo(s)
			}
			w.all[g].Asked(fmt.Sprint("service-", i))
		})
	}
	all(200, func(i int) { w.j.Step(noon.Add(time.Duration(i) * 5 * time.Second)) })
	all(100, func(i int) {
		if err := w.j.Override(Override{Identity: "cn:*", Level: Level(i % 3), Why: "x"}); err != nil {
			t.Error(err)
		}
	})
	all(100, func(int) { w.j.Clear("cn:*") })
	all(50, func(i int) {
		settings := DefaultSettings()
		settings.Mode = []string{Off, DryRun, Enforce}[i%3]
		if err := w.j.SetSettings(settings); err != nil {
			t.Error(err)
		}
	})
	all(20, func(int) {
		if _, err := json.Marshal(w.j.View()); err != nil {
			t.Error(err)
		}
		w.j.SaveLevels()
		w.j.SaveBaselines()
	})
	running.Wait()
	settings := DefaultSettings()
	settings.Mode = Enforce
	if err := w.j.SetSettings(settings); err != nil {
		t.Fatal(err)
	}
	if err := w.j.Override(Override{Identity: "spiffe://d/*", Level: Medium, Why: "x"}); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.all {
		if s.Tier().Level() != Medium || w.j.Subject(s.name) != s {
			t.Errorf("%s is %v", s.name, s.Tier().Level())
		}
	}
	if len(w.j.subjects) > 50 {
		t.Errorf("%d subjects", len(w.j.subjects))
	}
	n := newWorld(t, 0, nil)
	if _, err := n.j.RestoreBaselines(w.j.SaveBaselines(), w.j.now); err != nil {
		t.Error(err)
	}
	if _, err := n.j.RestoreLevels(w.j.SaveLevels(), w.j.now); err != nil {
		t.Error(err)
	}
}
