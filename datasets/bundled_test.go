package datasets

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// TestBundledRecordings holds the recordings that the repository ships to what
// they were made for: an hour to learn from, half an hour each to choose by and
// to be judged by, of different seeds, causal, and with failures that are rare
// and often only seem to come.
func TestBundledRecordings(t *testing.T) {
	size := int64(0)
	seeds := map[uint64]bool{}
	for part, least := range map[Part]time.Duration{Train: time.Hour, Validation: 30 * time.Minute, Test: 30 * time.Minute} {
		path := filepath.Join("recordings", "lab-"+part.String())
		r, err := Open(t.Context(), path, "")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		seeds[r.Manifest.Seed] = true
		if r.Manifest.Part != part {
			t.Errorf("%s is for %v", path, r.Manifest.Part)
		}
		if start, end := r.Dump.Span(); end.Sub(start) < least {
			t.Errorf("%s covers %v; want %v", path, end.Sub(start), least)
		}
		kinds := map[string]int{}
		for _, f := range r.Faults {
			kinds[f.Kind]++
		}
		for kind, n := range kinds {
			if n < 3 || len(kinds) != 8 {
				t.Errorf("%s: %d faults of kind %s of %d; want 8 kinds, three times each", path, n, kind, len(kinds))
			}
		}
		if ramps, decoys := kinds["slowdown"]+kinds["leak"], kinds["decoy"]+kinds["leak_decoy"]; ramps != decoys {
			t.Errorf("%s: %d ramps and %d decoys; want as many", path, ramps, decoys)
		}
		if ratio := failing(t, r); ratio > 0.05 || ratio < 0.01 {
			t.Errorf("%s: %.1f %% of the windows fail; want 1 to 5 %%", path, 100*ratio)
		}
		varied(t, r)
		if err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
			if info, bad := os.Stat(filepath.Join(path, d.Name())); bad == nil && !d.IsDir() {
				size += info.Size()
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(seeds) != 3 {
		t.Errorf("the seeds are %v; want three", slices.Sorted(maps.Keys(seeds)))
	}
	if size > 25<<20 {
		t.Errorf("the recordings take %d bytes; want at most 25 MiB", size)
	}
}

// failing is the ratio of an endpoint's windows, which do not overlap, in which
// it is down or breaks the origin's limits with ten requests or more.
func failing(t *testing.T, r *Recording) float64 {
	t.Helper()
	o := mesh.DefaultObjective()
	timing := r.Timing(0, 0)
	timing.Step = timing.Range
	all, bad := 0, 0
	for w, err := range r.Windows(t.Context(), timing) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range w.Endpoints {
			all++
			breach := w.At(i, mesh.ErrorRatio) > o.MaxErrorRatio || w.At(i, mesh.LatencyP99) > o.Deadline.Seconds()
			if w.At(i, mesh.Up) == 0 || breach && w.Requests[i] >= 10 {
				bad++
			}
		}
	}
	t.Logf("%s: %d of %d windows fail", r.Path, bad, all)
	return float64(bad) / float64(all)
}

// varied checks that the log says with which probability each endpoint was
// drawn, and that each was drawn with small and with large ones.
func varied(t *testing.T, r *Recording) {
	t.Helper()
	least, most := map[string]float64{}, map[string]float64{}
	for q, err := range r.Requests() {
		if err != nil {
			t.Fatal(err)
		}
		if !(q.Propensity >= 0.02 && q.Propensity <= 0.7) {
			t.Fatalf("%s: a request was drawn with probability %v", r.Path, q.Propensity)
		}
		if p, ok := least[q.Endpoint]; !ok || q.Propensity < p {
			least[q.Endpoint] = q.Propensity
		}
		most[q.Endpoint] = max(most[q.Endpoint], q.Propensity)
	}
	for name := range least {
		if least[name] > 0.05 || most[name] < 0.4 {
			t.Errorf("%s: the share of %s lies within [%v, %v]: too little variety", r.Path, name, least[name], most[name])
		}
	}
}
