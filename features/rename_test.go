package features_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fairway-mesh/fairway/features"
)

// TestRename holds that an endpoint which is called otherwise goes on as it was.
func TestRename(t *testing.T) {
	x, same := features.New(features.DefaultConfig()), features.New(features.DefaultConfig())
	for k := range 10 {
		push(t, x, window(everything, k, healthy(10), healthy(20), healthy(30)))
		push(t, same, window(everything, k, healthy(10), healthy(20), healthy(30)))
	}
	w := window(everything, 10, healthy(10), healthy(20), healthy(30))
	want := push(t, same, w)
	old := w.Endpoints[1].Name
	w.Endpoints = slices.Clone(w.Endpoints)
	w.Endpoints[1].Name += "-too"
	x.Rename("nobody", "a", "b")
	x.Rename(w.Service, old, w.Endpoints[1].Name)
	if got := push(t, x, w); fmt.Sprint(got.Row(1)) != fmt.Sprint(want.Row(1)) {
		t.Errorf("features\n%v\nwant\n%v", got.Row(1), want.Row(1))
	}
}

// TestRenameFrame holds that rows go with their names, and that of two endpoints which
// are one the one stays that had the name.
func TestRenameFrame(t *testing.T) {
	f := push(t, features.New(features.DefaultConfig()), window(everything, 0, healthy(10), healthy(20), healthy(30))).Clone()
	before := f.Clone()
	kept := before.Endpoints[2].Name
	f.Rename([]string{"zz", kept, kept})
	if len(f.Endpoints) != 2 || f.Endpoints[0].Name != kept || f.Endpoints[1].Name != "zz" {
		t.Fatalf("endpoints %v", f.Endpoints)
	}
	for i, was := range []int{2, 0} {
		if fmt.Sprint(f.Window.Row(i), f.Row(i), f.Requests[i], f.Anomalies[i]) != fmt.Sprint(before.Window.Row(was), before.Row(was), before.Requests[was], before.Anomalies[was]) {
			t.Errorf("endpoint %d is not what %s was", i, before.Endpoints[was].Name)
		}
	}
}
