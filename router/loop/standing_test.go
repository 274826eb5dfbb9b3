package loop

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/health"
)

// checkable is an endpoint that says whether it is well, and counts who asks.
type checkable struct {
	*httptest.Server
	ill  atomic.Bool
	asks atomic.Int64
}

func newCheckable(t *testing.T) *checkable {
	a := &checkable{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a.asks.Add(1)
		if a.ill.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *checkable) address() string { return strings.TrimPrefix(a.URL, "http://") }

// checkedAt are rules that have the endpoints of shop asked.
func checkedAt(t *testing.T, more string) Change {
	t.Helper()
	c := Change{Version: Version{Name: "1", ID: "1"}}
	c.Text = []byte("version: \"1\"\nservices:\n  - name: shop\n    limits: {step: 1}\n    health: {checks: [{http: {path: /}}], interval: 1s, timeout: 1s, rise: 1, fall: 2}\n" + more)
	if err := c.compile("rules.yaml"); err != nil {
		t.Fatal(err)
	}
	return c
}

// attend runs the checks until the test ends.
func attend(t *testing.T, w *world) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Attend(ctx) }()
	t.Cleanup(func() { stop(); <-done })
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within a minute: " + what)
		}
	}
}

// TestRestoredIsChecked: what was served last is checked from the first moment. Who fails
// gets nothing, and returns slowly when it is well again; where all fail all serve on.
func TestRestoredIsChecked(t *testing.T) {
	a, b := newCheckable(t), newCheckable(t)
	set := checkedAt(t, fmt.Sprintf("    endpoints: [{name: a, address: %q}, {name: b, address: %q}]\n", a.address(), b.address()))
	w := newWorld(t, persistence(1), set, nil)
	w.pass(12)
	was := w.answers()
	text, err := w.Saved()
	if err != nil {
		t.Fatal(err)
	}

	a.ill.Store(true)
	next := newWorld(t, persistence(1), set, nil)
	next.clock = w.clock
	if err := next.Restore(text); err != nil {
		t.Fatal(err)
	}
	if now := next.answers(); now.Weights[0] != was.Weights[0] {
		t.Errorf("before anything is known of them: %+v", now)
	}
	attend(t, next)
	eventually(t, "who fails gets nothing", func() bool {
		now := next.answers()
		return now.Weights[0] == 0 && now.Weights[1] == 1 && now.Reason == router.Stale && now.Source == router.SourceModel
	})
	d := next.Table().Load("shop").Decision
	if s := d.Health[0]; s.State != health.Unhealthy || !strings.Contains(s.Reason, "503") || d.Health[1].State == health.Unhealthy || !d.Ejected[0] {
		t.Errorf("it is explained as %+v", d.Health)
	}
	next.tick(5 * time.Second)
	eventually(t, "nor seconds later", func() bool {
		now, d := next.answers(), next.Table().Load("shop").Decision
		return now.Weights[0] == 0 && d.Age > 5*time.Second
	})

	b.ill.Store(true)
	eventually(t, "where all fail all serve", func() bool { now := next.answers(); return now.Weights[0] > 0 && now.Weights[1] > 0 })
	a.ill.Store(false)
	b.ill.Store(false)
	eventually(t, "all are well", func() bool {
		return next.checks.runner.Checked("shop", "a").State == health.Healthy && next.checks.runner.Checked("shop", "b").State == health.Healthy
	})
	for range 10 { // beyond its ejection, and its slow start
		next.tick(time.Minute)
	}
	eventually(t, "who is well again has what it had", func() bool {
		now := next.answers()
		return now.Weights[0] > 0.99*was.Weights[0] && now.Reason == router.Stale && now.Source == router.SourceModel
	})

	next.pass(1)
	next.mu.Lock()
	left, checked := len(next.restored), len(next.checks.known)
	next.mu.Unlock()
	if left > 0 || checked != 1 {
		t.Errorf("with metrics %d are restored, and %d checked", left, checked)
	}
}

// TestRestoredElsewhereIsLeft: checks of a service by the name that it had then end when
// metrics call it otherwise.
func TestRestoredElsewhereIsLeft(t *testing.T) {
	a, b := newCheckable(t), newCheckable(t)
	set := checkedAt(t, fmt.Sprintf("    endpoints: [{name: a, address: %q}, {name: b, address: %q}]\n", a.address(), b.address()))
	w := newWorld(t, persistence(1), set, nil)
	w.pass(12)
	text, err := w.Saved()
	if err != nil {
		t.Fatal(err)
	}
	next := newWorld(t, persistence(1), set, nil)
	next.clock = w.clock.Add(5 * time.Second)
	if err := next.Restore(text); err != nil {
		t.Fatal(err)
	}
	s := &discovery.Service{Name: "shop.mall", Names: []string{"shop"}, Source: "file", Time: next.now()}
	for i, e := range []*checkable{a, b} {
		s.Endpoints = append(s.Endpoints, discovery.Endpoint{Endpoint: mesh.Endpoint{Name: string(rune('a' + i)), Address: e.address()}, State: discovery.Ready})
	}
	next.Know(discovery.NewSnapshot(1, []*discovery.Service{s}))
	if len(next.checks.known) != 1 {
		t.Errorf("before there are metrics, checked: %v", next.checks.known)
	}
	window := next.window()
	window.Service = "shop.mall"
	next.Take([]mesh.Window{window}, nil)
	if len(next.restored) > 0 || len(next.checks.known) != 1 || next.checks.known[next.former.services()[0]] == nil {
		t.Errorf("restored: %v, checked: %v", next.restored, next.checks.known)
	}
}

// TestDiscoveredIsChecked: endpoints that no metrics have shown are checked as soon as
// they are discovered.
func TestDiscoveredIsChecked(t *testing.T) {
	a, b := newCheckable(t), newCheckable(t)
	a.ill.Store(true)
	w := newWorld(t, persistence(1), checkedAt(t, ""), nil)
	attend(t, w)
	s := &discovery.Service{Name: "shop", Source: "file", Time: w.now()}
	for i, e := range []*checkable{a, b} {
		s.Endpoints = append(s.Endpoints, discovery.Endpoint{Endpoint: mesh.Endpoint{Name: string(rune('a' + i)), Address: e.address()}, State: discovery.Ready})
	}
	w.Know(discovery.NewSnapshot(1, []*discovery.Service{s}))
	eventually(t, "who fails gets nothing", func() bool {
		if b.asks.Load() == 0 {
			return false
		}
		now := w.answers()
		return len(now.Weights) == 2 && now.Weights[0] == 0 && now.Weights[1] == 1
	})
}
