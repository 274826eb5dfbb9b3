package loop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// TestManyThatChangeAlikeAreOneLine holds that where all services change alike at once, as when an API server is away for a moment,
// that is one line of the log; each change of a few has a line of its own.
func TestManyThatChangeAlikeAreOneLine(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	all := func(n int, stale bool) (all []*discovery.Service) {
		for i := range n {
			s := kube(fmt.Sprintf("s%02d", i), pod(fmt.Sprintf("p%d", i), i, discovery.Ready))
			s.Stale = stale
			all = append(all, s)
		}
		return all
	}
	lines := func(what string, n int, want ...string) {
		t.Helper()
		said := w.said()
		w.mu.Lock()
		w.log.Reset()
		w.mu.Unlock()
		if got := strings.Count(said, "msg=decided"); got != n {
			t.Errorf("%s: %d lines; want %d:\n%s", what, got, n, said)
		}
		for _, text := range want {
			if !strings.Contains(said, text) {
				t.Errorf("%s: no %q in\n%s", what, text, said)
			}
		}
	}
	w.know(all(40, false)...)
	lines("found", 1, "services=40", "s00.default", "reason=no_model")
	w.know(all(40, true)...)
	lines("the place is away", 1, "services=40", "reason=stale")
	w.know(all(40, true)...)
	lines("still", 0)
	mostly := all(40, true)
	mostly[7].Stale = false
	w.know(mostly...)
	lines("one is told of again", 1, "service=s07.default", "reason=no_model")
	w.know(all(40, false)...)
	lines("it answers", 1, "services=39")
}
