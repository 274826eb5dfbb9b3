package loop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router/trial"
)

// until waits until something is so; how long is the test's own limit.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// follow follows an origin until the test ends.
func (w *world) follow(t *testing.T, o Origin, s *State) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.Follow(ctx, o, s, time.Millisecond, nil) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

func (w *world) trial() string {
	w.Loop.mu.Lock()
	defer w.Loop.mu.Unlock()
	return w.trying.Name
}

// TestRegistryGoesBack: what is rolled back is the latest of the registry no more, is
// told there, and is not tried again before somebody promotes it, also after a restart.
func TestRegistryGoesBack(t *testing.T) {
	r, err := model.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	publish := func() {
		t.Helper()
		if _, err := r.Publish(t.Context(), persistence(0)); err != nil {
			t.Fatal(err)
		}
	}
	publish()
	s, err := OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var judge script
	w := newWorld(t, persistence(1), ruled(t, "1", 1, 1), judge.begin)
	w.pass(8)
	w.clock = time.Now().Add(-time.Minute) // events have the registry's time
	w.pass(8)
	w.follow(t, RegistryModel(r, "test"), s)
	publish()
	until(t, "2 is tried", func() bool { return w.trial() == "2" })
	judge.say(trial.Verdict{Step: trial.RollBack, Why: "it is worse"})
	w.Review()
	latest := func() model.Version {
		m, err := r.Latest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m.Version
	}
	until(t, "1 is the latest", func() bool { return latest() == 1 })
	until(t, "it is told", func() bool {
		events, err := r.Events(t.Context(), 0)
		last := events[len(events)-1]
		return err == nil && last.Kind == model.RolledBack && last.From == "2" && last.Version == "1" && last.Text == "it is worse"
	})
	until(t, "it is remembered", func() bool { _, refused := s.Refused(changeOf(persistence(2)).Version); return refused })
	again, err := OpenState(s.dir)
	if _, refused := again.Refused(changeOf(persistence(2)).Version); err != nil || !refused {
		t.Errorf("another process does not know of it: %v", err)
	}
	judge.say(trial.Verdict{Share: 0.1})
	if w.trial() != "" {
		t.Error("it is tried again by itself")
	}
	if err := r.Promote(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	until(t, "2 is tried when it is promoted anew", func() bool { return w.trial() == "2" })
	judge.say(trial.Verdict{Step: trial.Adopt})
	w.Review()
	until(t, "it serves after a restart", func() bool {
		c, err := s.Served(model.SubjectModel)
		return err == nil && c.Name == "2" && c.Model != nil
	})
	judge.say(trial.Verdict{Share: 0.1})
	// Somebody else goes back: that is not tried first.
	if err := r.RollBack(t.Context(), 2, 1, "an operator"); err != nil {
		t.Fatal(err)
	}
	until(t, "1 serves", func() bool { return w.Version(model.SubjectModel).Name == "1" })
	if w.trial() != "" {
		t.Error("a roll-back by others is tried")
	}
}

// TestCorruptLatest is refused and told, and the model before serves on.
func TestCorruptLatest(t *testing.T) {
	dir := t.TempDir()
	r, err := model.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Publish(t.Context(), persistence(0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "000002.model"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := OpenState("")
	w := newWorld(t, persistence(1), ruled(t, "1", 1, 1), nil)
	w.pass(8)
	w.follow(t, RegistryModel(r, "test"), s)
	refused := func(e model.Event) bool { return e.Kind == model.Refused && e.Version == "2" && e.By == "test" }
	until(t, "an event", func() bool { events, _ := r.Events(t.Context(), 0); return slices.ContainsFunc(events, refused) })
	if a := w.answers(); a.Model != "persistence@1" {
		t.Errorf("serves %s", a.Model)
	}
	if c, err := Readable(t.Context(), r); err != nil || c.Name != "1" {
		t.Errorf("the newest that can be read is %+v, %v", c.Version, err)
	}
}

// TestRulesFile: a file that is being written is no change, one with an error is
// refused with its line, and the rules before stay.
func TestRulesFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good := ruled(t, "1", 1, 1)
	write(string(good.Text))
	o := RulesFile(path)
	c, err := First(t.Context(), o)
	if err != nil || c.Name != "1" {
		t.Fatalf("%+v, %v", c, err)
	}
	write("")
	for range 5 {
		if _, err := o.Look(t.Context()); !errors.Is(err, ErrUnsettled) {
			t.Errorf("an empty file: %v", err)
		}
	}
	write(string(ruled(t, "2", 1, 1).Text[:20]))
	if _, err := o.Look(t.Context()); !errors.Is(err, ErrUnsettled) {
		t.Errorf("half a file: %v", err)
	}
	write(string(ruled(t, "2", 1, 1).Text))
	if _, err := o.Look(t.Context()); !errors.Is(err, ErrUnsettled) {
		t.Errorf("at first: %v", err)
	}
	if c, err := o.Look(t.Context()); err != nil || c.Name != "2" {
		t.Errorf("when it has settled: %+v, %v", c.Version, err)
	}
	s, _ := OpenState("")
	w := newWorld(t, nil, c, nil)
	w.pass(3)
	w.follow(t, o, s)
	write("services:\n  - nam: shop\n")
	until(t, "the line is told", func() bool { return strings.Contains(w.said(), "rules.yaml:2") })
	if a := w.answers(); a.RulesVersion == "" {
		t.Errorf("%+v", a)
	}
	write(string(ruled(t, "3", 1, 1).Text))
	until(t, "3 serves", func() bool { return w.answers().RulesVersion == "3" })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	until(t, "it is told that the file is gone", func() bool { return strings.Contains(w.said(), "no such file") })
	w.answers()
}

// TestReloads: a hundred models and rules while others decide and watch: nobody is left
// without an answer.
func TestReloads(t *testing.T) {
	w := newWorld(t, persistence(1), ruled(t, "1", 1, 1), real)
	w.pass(12)
	var stop atomic.Bool
	var asked, seen atomic.Int64
	var running sync.WaitGroup
	defer running.Wait()
	defer stop.Store(true)
	for range 2 {
		running.Go(func() {
			for u := uint64(1); !stop.Load(); u = u*6364136223846793005 + 1442695040888963407 {
				a := w.Table().Load("shop").Decide(&mesh.Request{Service: "shop"}, u)
				if asked.Add(1)%64 == 0 {
					time.Sleep(time.Millisecond) // others have to get on as well
				}
				if a.Endpoint < 0 || !(a.Propensity > 0) {
					t.Errorf("no answer: %+v", a)
					return
				}
			}
		})
		running.Go(func() {
			for !stop.Load() {
				changed := w.Table().Changed()
				for _, a := range w.Table().Load("shop").Answers() {
					if err := a.Weights.Validate(); err != nil {
						t.Error(err)
						return
					}
				}
				seen.Add(1)
				select {
				case <-changed:
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
	running.Go(func() {
		for !stop.Load() {
			w.pass(1)
			time.Sleep(time.Millisecond)
		}
	})
	for i := range 100 {
		if err := w.Change(changeOf(persistence(model.Version(2 + i)))); err != nil {
			t.Fatal(err)
		}
		if err := w.Change(ruled(t, fmt.Sprint(2+i), 1+i%3, 2)); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			back := ruled(t, fmt.Sprint("back ", i), 1, 1)
			back.Back = true
			if err := w.Change(back); err != nil {
				t.Fatal(err)
			}
			w.next()
		}
	}
	stop.Store(true)
	running.Wait()
	t.Logf("%d decisions and %d looks meanwhile", asked.Load(), seen.Load())
}

// FuzzState: whatever is in the files of a state, it can be opened, and a loop begins.
func FuzzState(f *testing.F) {
	f.Add([]byte(`[{"Subject":"model","Name":"2","ID":"x"}]`), []byte(`{"Name":"2","ID":"x","Model":"AAAA"}`), []byte(`{"Time":"2026-01-02T03:04:00Z","Policies":[]}`))
	f.Add([]byte(`[null]`), []byte(`{"ID":"x"}`), []byte(`{"Time":"2026-01-02T03:04:00Z","Policies":[null,{"shop":null}],"Features":"ZndmZWF0dXJlcwU="}`))
	f.Fuzz(func(t *testing.T, refused, served, memory []byte) {
		dir := t.TempDir()
		for name, text := range map[string][]byte{refusedFile: refused, "model.json": served, "rules.json": served, memoryFile: memory} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, _ := OpenState(dir)
		if c, err := s.Served(model.SubjectModel); err == nil && c.ID != "" && c.Model == nil {
			t.Error("a model that is none")
		}
		if c, err := s.Served(model.SubjectRules); err == nil && c.ID != "" && c.Rules == nil {
			t.Error("rules that are none")
		}
		w := newWorld(t, nil, Change{}, nil)
		_ = w.Recall(s)
		w.pass(2)
		if err := s.Refuse(Version{model.SubjectModel, "3", "y"}, began, ""); err != nil {
			t.Error(err)
		}
	})
}
