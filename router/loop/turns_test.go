package loop

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// TestKnowMidway: what is discovered while many services are decided upon is served
// before the last of them, and what is published then is on what is known by then.
func TestKnowMidway(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	services := fleet(20, 2)
	w.know(services...)
	w.all(services)
	told := w.decided()
	asked := 0
	w.midway = func() {
		if asked++; asked != 10 {
			return
		}
		flipped := *flip(services, discovery.NotReady).Services()[0]
		later := append([]*discovery.Service{&flipped, kube("new", pod("n", 99, discovery.Ready))}, services[2:]...) // s1 is deleted
		w.Know(discovery.NewSnapshot(3, later))
	}
	w.all(services)
	w.midway = nil
	if len(*told) != 2 || !slices.Equal((*told)[0], []string{"new.default.svc.cluster.local", "s0.default", "s1.default"}) || len((*told)[1]) != 20 {
		t.Errorf("decided on %q; want what was discovered first", *told)
	}
	if got := w.weights("s0") + ", " + w.weights("new"); got != "s0-0 0, s0-1 1, n 1" {
		t.Errorf("in the end: %s", got)
	}
	if !noted(w.Table().Load("s1.default").Notes, "has this service no more") {
		t.Errorf("s1 is there: %q", w.Table().Load("s1.default").Notes)
	}
}

// TestKnowBeside lets snapshots come from one goroutine and windows from another: the
// last snapshot is served in the end, whoever took it in.
func TestKnowBeside(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	services := fleet(10, 2)
	w.know(services...)
	var both sync.WaitGroup
	both.Go(func() {
		for range 20 {
			w.all(services)
		}
	})
	both.Go(func() {
		for i := range 200 {
			w.Know(flip(services, []discovery.State{discovery.Ready, discovery.NotReady}[i%2]))
			_ = w.Trouble()
		}
	})
	both.Wait()
	if got := w.weights("s0"); got != "s0-0 0, s0-1 1" {
		t.Errorf("in the end: %s", got)
	}
	w.Know(discovery.NewSnapshot(3, services[1:]))
	if w.Loop.mu.found.Load() != nil {
		t.Error("a snapshot is left that nobody has taken in")
	}
}

func noted(notes []string, want string) bool {
	return slices.ContainsFunc(notes, func(note string) bool { return strings.Contains(note, want) })
}
