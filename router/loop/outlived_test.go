package loop

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// outlived is a loop that serves what another has saved of here and old, ready for what
// is discovered next.
func outlived(t *testing.T, known ...*discovery.Service) *world {
	t.Helper()
	w := newWorld(t, nil, Change{}, nil)
	w.know(here(), old())
	for range 3 {
		w.plainly("old.default", "10.0.0.2")
		w.plainly("here.default", "10.0.0.1")
	}
	text, err := w.Saved()
	if err != nil {
		t.Fatal(err)
	}
	next := newWorld(t, nil, Change{}, nil)
	next.clock = w.clock.Add(time.Minute)
	next.know(known...)
	if err := next.Restore(text); err != nil {
		t.Fatal(err)
	}
	return next
}

func here() *discovery.Service { return kube("here", pod("h-1", 1, discovery.Ready)) }
func old() *discovery.Service  { return kube("old", pod("o-1", 2, discovery.Ready)) }

func stale(s *discovery.Service) *discovery.Service { s.Stale = true; return s }

// lives lets minutes pass, in which metrics of here come, or none.
func (w *world) lives(minutes int, metrics bool) {
	for range 6 * minutes {
		w.later(5 * time.Second)
		w.ageRestored()
		if metrics {
			w.plainly("here.default", "10.0.0.1")
		} else {
			w.later(5 * time.Second)
			w.Take(nil, errDown)
		}
	}
}

func (w *world) serves(service string) bool { return w.weights(service) != "" }

// TestOutlived: a service that is restored, and that neither discovery nor metrics know,
// goes when they have not for as long as who goes is remembered, and can come back.
func TestOutlived(t *testing.T) {
	w := outlived(t, here())
	w.lives(14, true)
	if !w.serves("old.default") {
		t.Fatal("it went before its time")
	}
	if d := w.Table().Load("old.default").Decision; !strings.Contains(strings.Join(d.Notes, " "), unknownNow) {
		t.Errorf("notes %q", d.Notes)
	}
	w.lives(5, true)
	if got := w.Table().Services(); !slices.Equal(got, []string{"here.default"}) || len(w.restored) > 0 || len(w.former.last) != 1 {
		t.Errorf("services %q, restored %v, frames of %v", got, w.restored, w.former.services())
	}
	w.know(here(), old())
	if got := w.weights("old.default"); got != "o-1 1" {
		t.Errorf("it is back, with %q", got)
	}
	w.lives(40, true)
	if !w.serves("old.default") || !w.serves("here.default") {
		t.Errorf("services %q", w.Table().Services())
	}
}

// TestOutlivedUntold: nobody goes while nobody can tell.
func TestOutlivedUntold(t *testing.T) {
	for what, w := range map[string]*world{"discovery does not answer": outlived(t, stale(here())), "nobody discovers": outlived(t), "no metrics come": outlived(t, here())} {
		w.lives(40, what != "no metrics come")
		if !w.serves("old.default") {
			t.Errorf("%s: services %q", what, w.Table().Services())
		}
	}
}

// TestOutlivedDeleted: a service that is restored, and was deleted before metrics came,
// serves on until these can be over, at every moment, and goes then.
func TestOutlivedDeleted(t *testing.T) {
	w := outlived(t, stale(here()), stale(old()))
	w.lives(1, true)
	w.know(here())
	for range 12 {
		w.later(time.Second)
		if !w.serves("old.default") {
			t.Fatal("it went at once")
		}
		w.plainly("here.default", "10.0.0.1")
	}
	w.lives(10, true)
	if !w.serves("old.default") {
		t.Error("it went before its time")
	}
	w.lives(6, true)
	if got := w.Table().Services(); !slices.Equal(got, []string{"here.default"}) || len(w.restored) > 0 {
		t.Errorf("services %q, restored %v", got, w.restored)
	}
	w.know(here(), old())
	if got := w.weights("old.default"); got != "o-1 1" {
		t.Errorf("it is back, with %q", got)
	}
}

// TestRestoredCarriesNotForLong: who was carried on by a life before, and is not ready in
// this one either, is not served for longer than a slow start, if no metrics come.
func TestRestoredCarriesNotForLong(t *testing.T) {
	var all []discovery.Endpoint
	var names []string
	for i := range 5 {
		all = append(all, pod(string(rune('a'+i)), i+1, discovery.Ready))
		names = append(names, all[i].Name)
	}
	w := newWorld(t, nil, Change{}, nil)
	w.know(kube("shop", all...))
	for range 10 {
		w.plainly("shop.default", names...)
	}
	for i := range 4 {
		all[i].State = discovery.NotReady
	}
	w.know(kube("shop", all...))
	w.plainly("shop.default", names...)
	even := "a 0.2, b 0.2, c 0.2, d 0.2, e 0.2"
	if got := w.weights("shop.default"); got != even {
		t.Fatalf("before: %s", got)
	}
	text, err := w.Saved()
	if err != nil {
		t.Fatal(err)
	}
	next := newWorld(t, nil, Change{}, nil)
	next.clock = w.clock.Add(5 * time.Second)
	next.know(kube("shop", all...))
	if err := next.Restore(text); err != nil {
		t.Fatal(err)
	}
	if got := next.weights("shop.default"); got != even {
		t.Errorf("at first: %s", got)
	}
	next.later(time.Minute)
	next.ageRestored()
	if got := next.weights("shop.default"); got != "a 0, b 0, c 0, d 0, e 1" {
		t.Errorf("a minute later: %s", got)
	}
}
