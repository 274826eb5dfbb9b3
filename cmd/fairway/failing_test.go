package main

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/meshes"
	"github.com/fairway-mesh/fairway/train"
)

// TestFailingMeshesFail: in meshes that are recorded as they are to be learned
// from, and by what a failure is for who learns: every ramp that is said to fail
// does, when it is said to; what recovers does not; little else does; and
// failures, what comes before them, and the cool-down are rare.
func TestFailingMeshesFail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "meshes")
	mustCall(t, "lab", "simulate", "--failing", "--meshes", "8", "--seed", "4999000", "--out", dir)
	rows, failing, before := 0, 0, 0
	ramps, others, classes := 0, 0, map[string]int{}
	for k := range uint64(8) {
		rec, err := datasets.Open(t.Context(), filepath.Join(dir, meshFolder(meshes.FailingTraining+999_000+k)), "")
		if err != nil {
			t.Fatal(err)
		}
		defer rec.Close()
		timing := rec.Timing(0, 0)
		cfg := train.DefaultConfig()
		limits, err := train.FindLimits(rec.Windows(t.Context(), timing), rec.Split(timing), cfg.Objective)
		if err != nil {
			t.Fatal(err)
		}
		tell := func(one train.Told) {
			for _, f := range one.Fates {
				rows++
				switch {
				case !f.Watched:
					failing++
				case f.Failed:
					before++
				}
			}
		}
		watch := train.NewWatch(timing, rec.Split(timing), limits, cfg.MinRequests)
		for w, err := range rec.Windows(t.Context(), timing) {
			if err != nil {
				t.Fatal(err)
			}
			watch.Push(&w, tell)
		}
		watch.Finish(tell)
		incidents := watch.Incidents()
		if k == 0 {
			if once, err := train.Incidents(t.Context(), rec, timing, cfg); err != nil || !reflect.DeepEqual(once, incidents) {
				t.Errorf("%v; asked for at once, the incidents are %+v; want %+v", err, once, incidents)
			}
		}
		for _, f := range rec.Faults {
			if f.Class() != datasets.Ramp {
				continue
			}
			ramps++
			found := false
			for _, i := range incidents {
				for _, e := range i.Failures {
					late := e.Start.Sub(f.Fails)
					found = found || e.Endpoint == f.Endpoint && late > -timing.Range && late <= timing.Range+2*timing.Step
				}
			}
			if !found {
				others++
				t.Logf("mesh %d: %+v is not seen to fail", k, f)
			}
		}
		for _, i := range incidents {
			classes[i.Class(rec.Faults)]++
		}
	}
	t.Logf("%d rows, %d in failures and cool-downs, %d before; %d ramps, %d not seen; incidents %v", rows, failing, before, ramps, others, classes)
	if ratio := float64(before) / float64(rows); ratio > 0.05 || ratio < 0.002 {
		t.Errorf("%.2f %% of the decisions come before a failure; want 0.2 to 5 %%", 100*ratio)
	}
	if ramps < 10 || others > ramps/10 {
		t.Errorf("of %d ramps that fail %d are not seen to", ramps, others)
	}
	if few := (classes[datasets.Ramp] + classes[datasets.Sudden]) / 10; classes[datasets.Recovered] > few || classes[""]+classes[datasets.Benign] > few {
		t.Errorf("incidents by class %v: what is to do no harm does", classes)
	}
}
