package loop

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
)

var errDown = errors.New("connection refused")

// tick lets time pass in which no metrics come.
func (w *world) tick(d time.Duration) {
	w.mu.Lock()
	w.clock = w.clock.Add(d)
	w.mu.Unlock()
	w.Take(nil, errDown)
	w.ageRestored()
}

// lived is what a loop has saved that has served for a minute.
func lived(t *testing.T) (*world, []byte) {
	t.Helper()
	w := newWorld(t, persistence(1), ruled(t, "1", 1, 1), nil)
	if text, err := w.Saved(); text != nil || err != nil {
		t.Errorf("before anything is known it has saved %q, %v", text, err)
	}
	w.pass(12)
	if a := w.answers(); a.Source != router.SourceModel || a.Weights[0] < 0.55 {
		t.Fatalf("the model says %+v", a)
	}
	text, err := w.Saved()
	if err != nil || len(text) == 0 {
		t.Fatalf("saved %q, %v", text, err)
	}
	w.Take(nil, errDown)
	if text, err := w.Saved(); text != nil || !errors.Is(err, errDown) {
		t.Errorf("while no metrics come it has saved %q, %v", text, err)
	}
	return w, text
}

// TestRestoreServesThePast until there are metrics, marked stale, with its age.
func TestRestoreServesThePast(t *testing.T) {
	w, text := lived(t)
	was := w.answers()
	next := newWorld(t, persistence(1), ruled(t, "1", 1, 1), nil)
	next.clock = w.clock.Add(time.Minute)
	if next.Ready() {
		t.Error("it is ready before it knows anything")
	}
	if err := next.Restore(text); err != nil {
		t.Fatal(err)
	}
	same := func(when string) {
		t.Helper()
		a := next.answers()
		if a.Reason != router.Stale || a.Source != router.SourceModel || a.Weights[0] != was.Weights[0] || !a.MetricsTime.Equal(was.MetricsTime) {
			t.Errorf("%s: %+v; was %+v", when, a, was)
		}
	}
	same("at first")
	if !next.Ready() {
		t.Error("it is not ready")
	}
	next.tick(5 * time.Second)
	same("when no metrics come")
	next.tick(5 * time.Minute)
	same("minutes later")
	if d := next.Table().Load("shop").Decision; d.Age < 6*time.Minute || d.Age > 7*time.Minute || !strings.Contains(strings.Join(d.Notes, " "), "before this daemon began") {
		t.Errorf("it says %+v", d)
	}
	if text, err := next.Saved(); text != nil || err != nil {
		t.Errorf("of a past alone it has saved %q, %v", text, err)
	}
	next.pass(1)
	if a := next.answers(); a.Reason == router.Stale || a.Source != router.SourceRules {
		t.Errorf("with the first metrics: %+v", a)
	}
	next.tick(time.Second)
	if a := next.answers(); a.Source != router.SourceRules {
		t.Errorf("the past is back: %+v", a)
	}
	next.pass(12)
	if err := next.Restore(text); err != nil || next.answers().Reason != "" {
		t.Errorf("what is known now gave way to the past: %v, %+v", err, next.answers())
	}
}

// TestRestoreGoesBy: weights that are too old give way to the rules, or to equal ones,
// over the same endpoints, still marked; and so at once where they are too old when
// they are restored.
func TestRestoreGoesBy(t *testing.T) {
	w, text := lived(t)
	for name, set := range map[string]Change{"rules": ruled(t, "2", 3, 1), "none": {}} {
		for _, after := range []time.Duration{time.Minute, time.Hour} {
			next := newWorld(t, persistence(1), set, nil)
			next.clock = w.clock.Add(after)
			if err := next.Restore(text); err != nil {
				t.Fatal(err)
			}
			want := 0.5
			if set.Rules != nil {
				want = 0.75
			}
			next.tick(memoryLasts)
			for range 3 {
				next.tick(10 * time.Second)
				a := next.answers()
				if a.Reason != router.Stale || a.Source == router.SourceModel || len(a.Endpoints) != 2 || a.Weights[0] != want {
					t.Errorf("%s, after %v: %+v", name, after, a)
				}
			}
			if !next.Ready() {
				t.Error("it is not ready")
			}
			next.pass(1)
			if a := next.answers(); a.Reason == router.Stale {
				t.Errorf("%s, with metrics: %+v", name, a)
			}
		}
	}
}

// TestRestoreUnderOtherRules keeps to the rules that are in force, be it that they come
// after it.
func TestRestoreUnderOtherRules(t *testing.T) {
	w, text := lived(t)
	next := newWorld(t, persistence(1), Change{}, nil)
	next.clock = w.clock
	next.Take(nil, errDown) // which was known first
	if err := next.Restore(text); err != nil {
		t.Fatal(err)
	}
	ejecting := ruled(t, "3", 1, 1)
	ejecting.Text = []byte("version: \"3\"\nservices:\n  - name: shop\n    endpoints: [{name: a, subset: x}, {name: b, subset: y}]\n    routes: [{name: all, to: y}]\n")
	if err := ejecting.compile("rules.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := next.Change(ejecting); err != nil {
		t.Fatal(err)
	}
	next.tick(5 * time.Second)
	if a := next.answers(); a.RulesVersion != "3" || a.Weights[1] != 1 || a.Reason != router.Stale {
		t.Errorf("got %+v", a)
	}
}

// TestRestoreAfterTheRules: what was served last comes late, from another daemon, when
// the rules have answered already; and other rules come before it is known what the
// metrics will be.
func TestRestoreAfterTheRules(t *testing.T) {
	w, text := lived(t)
	was := w.answers()
	next := newWorld(t, persistence(1), ruled(t, "1", 1, 1), nil)
	if err := next.Expect(Pace{}); err != nil {
		t.Fatal(err)
	}
	next.clock = w.clock
	next.Take(nil, errDown)
	if a := next.answers(); a.Weights[0] != 0.5 {
		t.Errorf("the rules say %+v", a)
	}
	if err := next.Restore(text); err != nil {
		t.Fatal(err)
	}
	next.clock = next.clock.Add(5 * time.Second)
	next.Take(nil, errDown)
	if a := next.answers(); a.Weights[0] != was.Weights[0] || a.Reason != router.Stale {
		t.Errorf("afterwards: %+v", a)
	}
	if err := next.Change(ruled(t, "2", 1, 3)); err != nil {
		t.Fatal(err)
	}
	next.clock = next.clock.Add(5 * time.Second)
	next.Take(nil, errDown)
	if a := next.answers(); a.Weights[0] != was.Weights[0] || a.Reason != router.Stale || a.RulesVersion != "2" {
		t.Errorf("under other rules: %+v", a)
	}
}

// TestRestoreRefuses leaves the table as it is where the text is foreign.
func TestRestoreRefuses(t *testing.T) {
	w := newWorld(t, nil, ruled(t, "1", 1, 3), nil)
	for _, text := range []string{"", "null", "{}", `{"format":"fairway-table 2"}`} {
		if err := w.Restore([]byte(text)); err == nil {
			t.Errorf("%q was restored", text)
		}
	}
	if w.Ready() {
		t.Error("it is ready")
	}
	w.Take(nil, errDown)
	if a := w.answers(); a.Reason == router.Stale || a.Weights[1] != 0.75 {
		t.Errorf("got %+v", a)
	}
}

// TestRestoredAgesByItself, whether or not anybody says that no metrics come.
func TestRestoredAgesByItself(t *testing.T) {
	w, text := lived(t)
	synctest.Test(t, func(t *testing.T) {
		next := newWorld(t, persistence(1), Change{}, nil)
		began := time.Now()
		next.cfg.Clock = func() time.Time { return w.clock.Add(time.Since(began)) }
		if err := next.Restore(text); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); next.Attend(ctx) }()
		time.Sleep(memoryLasts + time.Minute)
		if a := next.answers(); a.Source == router.SourceModel || a.Reason != router.Stale || a.Weights[0] != 0.5 {
			t.Errorf("got %+v", a)
		}
		stop()
		<-done
	})
}

// TestRestoredMeetsDiscovery: what is discovered says which endpoints there are, what
// was served last how much each gets.
func TestRestoredMeetsDiscovery(t *testing.T) {
	w, text := lived(t)
	was := w.answers()
	next := newWorld(t, persistence(1), Change{}, nil)
	next.clock = w.clock
	if err := next.Restore(text); err != nil {
		t.Fatal(err)
	}
	found := func(version uint64, states ...discovery.State) *discovery.Snapshot {
		s := &discovery.Service{Name: "shop", Source: "kubernetes", Time: next.now()}
		for i, state := range states {
			name := string(rune('a' + i))
			s.Endpoints = append(s.Endpoints, discovery.Endpoint{Endpoint: mesh.Endpoint{Name: name, Address: name + ":80"}, State: state})
		}
		return discovery.NewSnapshot(version, []*discovery.Service{s})
	}
	next.Know(found(1, discovery.Ready, discovery.Ready))
	if a := next.answers(); a.Reason != router.Stale || a.Weights[0] != was.Weights[0] || a.Endpoints[1].Address != "b:80" {
		t.Errorf("both are found: %+v", a)
	}
	next.Know(found(2, discovery.NotReady, discovery.Ready, discovery.Ready))
	a := next.answers()
	if a.Reason != router.Stale || len(a.Endpoints) != 3 || a.Weights[0] != 0 || !(a.Weights[1] > 0 && a.Weights[2] > 0) {
		t.Errorf("one is down and another is new: %+v", a)
	}
	next.tick(5 * time.Second)
	if b := next.answers(); b.Reason != router.Stale || !slices.Equal(b.Weights, a.Weights) {
		t.Errorf("seconds later: %+v; was %+v", b, a)
	}
	next.tick(memoryLasts)
	if b := next.answers(); b.Reason != router.Stale || b.Weights[0] != 0 || b.Weights[1] != 0.5 || b.Weights[2] != 0.5 {
		t.Errorf("when its weights are over: %+v", b)
	}
}
