package router

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRename: every policy goes on with endpoints that are called otherwise as if they
// had always been, on windows in which they are slow, silent and down in turn.
func TestRename(t *testing.T) {
	for _, name := range Names() {
		fresh := func() Policy {
			p, err := Named(name, nil, nil, DefaultConfig())
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		first, second := fresh(), fresh()
		var from, to []string
		for k, list := range richStory(11, 6, 40) {
			f := looking(k, list...)
			want := decide(t, first, f)
			weights := fmt.Sprint(want.Weights, want.Ejected)
			if k == 20 {
				for i, e := range f.Endpoints {
					from, to = append(from, e.Name), append(to, fmt.Sprint("renamed ", i))
				}
				Rename(second, f.Service, from, to)
			}
			if to != nil {
				f.Rename(to)
			}
			got := decide(t, second, f)
			if diff := cmp.Diff(weights, fmt.Sprint(got.Weights, got.Ejected)); diff != "" {
				t.Fatalf("%s: window %d: %s", name, k, diff)
			}
		}
	}
}

func TestRenameAllAtOnce(t *testing.T) {
	m := map[string]int{"a": 1, "b": 2, "c": 3, "d": 4}
	rename(m, []string{"a", "b", "c", "e", "d"}, []string{"b", "a", "x", "y", "d"})
	if want := map[string]int{"a": 2, "b": 1, "x": 3, "d": 4}; !maps.Equal(m, want) {
		t.Errorf("%v, want %v", m, want)
	}
	m = map[string]int{"10.0.0.1:80": 1, "pod": 2} // both were seen: the name's own stands
	rename(m, []string{"10.0.0.1:80"}, []string{"pod"})
	if want := map[string]int{"pod": 2}; !maps.Equal(m, want) {
		t.Errorf("%v, want %v", m, want)
	}
	var c *Course
	c.Rename("s", []string{"a"}, []string{"b"})
}
