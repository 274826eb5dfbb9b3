package model

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func eventsOf(t *testing.T, d *Directory, n int) []Event {
	t.Helper()
	all, err := d.Events(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEventsTellWhatHappened(t *testing.T) {
	d, ctx := open(t, t.TempDir()), context.Background()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d.Clock, d.By = func() time.Time { return now }, "ann@here"
	if all := eventsOf(t, d, 0); len(all) != 0 {
		t.Errorf("an empty registry has the events %v", all)
	}
	publish(t, d, "first")
	publish(t, d, "second")
	if err := d.Promote(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := d.RollBack(ctx, 1, 2, "slower\nby half"); err != nil {
		t.Fatal(err)
	}
	if err := d.RollBack(ctx, 1, 2, "too late"); !errors.Is(err, ErrMoved) {
		t.Errorf("a second roll-back from 1: %v; want ErrMoved", err)
	}
	other := now.Add(-time.Hour)
	if err := d.Record(ctx, Event{Time: other, Kind: Refused, Subject: SubjectRules, Version: "7", By: "fairwayd x", Text: "NaN"}); err != nil {
		t.Fatal(err)
	}
	want := []Event{
		{now, Published, SubjectModel, "1", "", "ann@here", "first"},
		{now, Published, SubjectModel, "2", "1", "ann@here", "second"},
		{now, Promoted, SubjectModel, "1", "2", "ann@here", ""},
		{now, RolledBack, SubjectModel, "2", "1", "ann@here", "slower\nby half"},
		{other, Refused, SubjectRules, "7", "", "fairwayd x", "NaN"},
	}
	if diff := cmp.Diff(want, eventsOf(t, d, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[3:], eventsOf(t, d, 2)); diff != "" {
		t.Errorf("the last two (-want +got):\n%s", diff)
	}
}

func TestEventsThatMakeNoSenseAreRefused(t *testing.T) {
	d := open(t, t.TempDir())
	for what, e := range map[string]Event{
		"kind":        {Kind: "exploded", Subject: SubjectModel},
		"a damage":    {Kind: Damaged, Subject: SubjectModel},
		"subject":     {Kind: Promoted, Subject: "weather"},
		"bytes of":    {Kind: Promoted, Subject: SubjectModel, Text: strings.Repeat("x", maxEventText+1)},
		"its nothing": {},
	} {
		if err := d.Record(context.Background(), e); err == nil {
			t.Errorf("%s: recorded", what)
		}
	}
	if all := eventsOf(t, d, 0); len(all) != 0 {
		t.Errorf("recorded %v", all)
	}
}

// TestALineThatIsCutOffLosesItselfOnly cuts the file of events at every byte.
func TestALineThatIsCutOffLosesItselfOnly(t *testing.T) {
	d, ctx := open(t, t.TempDir()), context.Background()
	path := filepath.Join(d.path, events)
	for i := range 3 {
		if err := d.Record(ctx, Event{Kind: Adopted, Subject: SubjectModel, Version: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := strings.LastIndexByte(strings.TrimSuffix(string(text), "\n"), '\n') + 1
	for n := last; n <= len(text); n++ {
		if err := os.WriteFile(path, text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.Record(ctx, Event{Kind: Refused, Subject: SubjectModel, Version: "9"}); err != nil {
			t.Fatal(err)
		}
		all := eventsOf(t, d, 0)
		want := []string{"0", "1", "2", "9"}
		switch {
		case n == last:
			want = []string{"0", "1", "9"}
		case n < len(text)-1: // the line without its end is whole once another begins
			want[2] = ""
		}
		var got []string
		for _, e := range all {
			if got = append(got, e.Version); (e.Kind == Damaged) != (e.Version == "") {
				t.Errorf("cut at %d: %+v", n, e)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("cut at %d of %d (-want +got):\n%s", n, len(text), diff)
		}
	}
}

func TestEventsOfManyAreWhole(t *testing.T) {
	path := t.TempDir()
	const writers, each = 4, 10
	var group sync.WaitGroup
	for w := range writers {
		d := open(t, path)
		group.Go(func() {
			for i := range each {
				e := Event{Kind: Refused, Subject: SubjectModel, Version: fmt.Sprint(w, "-", i), Text: strings.Repeat("x", 2000)}
				if err := d.Record(context.Background(), e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	seen := map[string]bool{}
	for _, e := range eventsOf(t, open(t, path), 0) {
		if e.Kind != Refused {
			t.Errorf("%+v", e)
		}
		seen[e.Version] = true
	}
	if len(seen) != writers*each {
		t.Errorf("%d events; want %d", len(seen), writers*each)
	}
}

// TestBefore: each row is what happened, in order, and what a roll-back goes
// to.
func TestBefore(t *testing.T) {
	event := func(kind, from, version string) Event {
		return Event{Kind: kind, Subject: SubjectModel, From: from, Version: version}
	}
	entries := func(latest Version, unreadable ...Version) []Entry {
		all := make([]Entry, 4)
		for i := range all {
			all[i].Version = Version(i + 1)
			all[i].Latest = all[i].Version == latest
			for _, v := range unreadable {
				if all[i].Version == v {
					all[i].Err = errors.New("damaged")
				}
			}
		}
		return all
	}
	rules := event(Promoted, "1", "4")
	rules.Subject = SubjectRules
	for name, c := range map[string]struct {
		entries []Entry
		events  []Event
		want    Version
	}{
		"nothing is there":           {nil, nil, 0},
		"no events":                  {entries(3), nil, 2},
		"the first":                  {entries(1), nil, 0},
		"what was served":            {entries(4), []Event{event(Promoted, "1", "2"), event(Promoted, "2", "4")}, 2},
		"a greater one was served":   {entries(1), []Event{event(Promoted, "4", "1")}, 4},
		"after a roll-back":          {entries(3), []Event{event(Published, "2", "3"), event(Published, "3", "4"), event(RolledBack, "4", "3")}, 2},
		"not what was rolled back":   {entries(2), []Event{event(Published, "2", "3"), event(RolledBack, "3", "2")}, 1},
		"not what cannot be read":    {entries(4, 3), []Event{event(Published, "3", "4")}, 2},
		"not what is gone":           {entries(4), []Event{event(Published, "7", "4")}, 3},
		"the latest cannot be read":  {entries(4, 4), []Event{event(Published, "3", "4")}, 3},
		"what happened to the rules": {entries(4), []Event{event(Published, "2", "4"), rules}, 2},
	} {
		if got := Before(SubjectModel, c.entries, c.events); got != c.want {
			t.Errorf("%s: %d; want %d", name, got, c.want)
		}
	}
	if got := Before(SubjectRules, entries(4), []Event{rules, event(Promoted, "2", "4")}); got != 1 {
		t.Errorf("of the rules: %d; want 1", got)
	}
}

// FuzzEvents: whatever stands in the file, every line is an event, and one that
// can be read is valid.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"time":"2026-03-01T12:00:00Z","kind":"published","subject":"model","version":"1"}` + "\n"))
	f.Add([]byte("{\n\n\x00{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, e := range parseEvents("events.jsonl", text) {
			if e.Kind != Damaged && e.Validate() != nil {
				t.Errorf("%+v is not valid", e)
			}
		}
	})
}
