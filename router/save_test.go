package router

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSaveAndRestore: a policy that takes over a memory in the middle goes on
// as if it had been there from the start.
func TestSaveAndRestore(t *testing.T) {
	fresh := func() Policy {
		p, err := Named("fairway", uncorrected(t), nil, DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		return Explore(p, 0.01)
	}
	first, second := fresh(), fresh()
	for k := range 30 {
		list := six()
		list[1] = list[1].slow(1 + float64(k%7))
		if k == 9 || k == 20 {
			list[2] = list[2].down()
		}
		d := decide(t, first, frame(k, list...))
		if k > 10 {
			other := decide(t, second, frame(k, list...))
			if diff := cmp.Diff(d.Weights, other.Weights, approx); diff != "" || d.Reason != other.Reason {
				t.Fatalf("window %d: %s", k, diff)
			}
			continue
		}
		saved, err := Save(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := Restore(second, saved); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSaveAndRestoreByName does the same with every policy, on windows in which
// endpoints are slow, silent and down in turn.
func TestSaveAndRestoreByName(t *testing.T) {
	for _, name := range Names() {
		fresh := func() Policy {
			p, err := Named(name, nil, nil, DefaultConfig())
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		first, second := fresh(), fresh()
		for k, list := range richStory(11, 6, 40) {
			d := decide(t, first, looking(k, list...))
			if k > 20 {
				if diff := cmp.Diff(d.Weights, decide(t, second, looking(k, list...)).Weights, approx); diff != "" {
					t.Fatalf("%s: window %d: %s", name, k, diff)
				}
				continue
			}
			saved, err := Save(first)
			if err != nil {
				t.Fatal(err)
			}
			if err := Restore(second, saved); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// FuzzRestoreByName: whatever is restored, a policy sets weights or refuses.
func FuzzRestoreByName(f *testing.F) {
	for i, name := range Names() {
		p, _ := Named(name, nil, nil, DefaultConfig())
		for k, list := range richStory(5, 3, 4) {
			decide(f, p, looking(k, list...))
		}
		saved, err := Save(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), saved)
		f.Add(uint8(i), []byte(`[null, {"checkout": null}]`))
		f.Add(uint8(i), []byte(`[{"checkout": {"ByName": {"e000": null, "e001": {"Points": [{}], "Weight": -1, "A": 1, "C": 1e-300}}}}, {"checkout": {"Part": 1e300}}]`))
	}
	f.Add(uint8(slices.Index(Names(), "adaptive")), []byte(`[null]`))
	f.Add(uint8(slices.Index(Names(), "adaptive")), []byte(`[{"checkout": "moon"}]`))
	f.Fuzz(func(t *testing.T, i uint8, saved []byte) {
		p, _ := Named(Names()[int(i)%len(Names())], nil, nil, DefaultConfig())
		if Restore(p, saved) != nil {
			return
		}
		for k, list := range richStory(5, 3, 6) {
			decide(t, p, looking(k, list...))
		}
	})
}

func TestRestoreRefuses(t *testing.T) {
	p, err := Named("fairway", nil, nil, DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"{":                   "this is not a saved memory",
		"[]":                  "it has 5 memories and 0 were saved",
		"[3, {}, {}, {}, {}]": "memory 0",
	} {
		if err := Restore(p, []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

func FuzzRestore(f *testing.F) {
	p, _ := Named("fairway", nil, nil, DefaultConfig())
	decide(f, p, frame(0, six()...))
	saved, err := Save(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(saved)
	f.Add([]byte(`[null, {"checkout": null}, {"checkout": {"ByName": {"c1": null}}}]`))
	f.Add([]byte(`[{"checkout": {"Before": {"c1": -7}, "Last": {}}}, {}, {"checkout": {"Windows": -3}}]`))
	f.Fuzz(func(t *testing.T, saved []byte) {
		p, _ := Named("fairway", nil, nil, DefaultConfig())
		if Restore(p, saved) != nil {
			return
		}
		var d Decision
		if err := p.Decide(&d, frame(1, six()...)); err != nil {
			t.Fatal(err)
		}
		if err := d.Weights.Validate(); err != nil {
			t.Fatalf("%v: %v", err, d.Weights)
		}
	})
}
