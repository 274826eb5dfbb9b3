package train

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/model"
)

// TestShuffledLabelsTellNothing: frames of other moments than those that failures
// follow must give no skill.
func TestShuffledLabelsTellNothing(t *testing.T) {
	set := world{service: "s", endpoints: 4, moments: 1500, seed: 8, failures: true}.set()
	moments := set.Histories[0].Moments
	order := seeded(3).Perm(len(moments))
	rows := make([][]float32, len(moments))
	for i := range moments {
		rows[i] = moments[order[i]].X
	}
	for i := range moments {
		moments[i].X = rows[i]
	}
	cfg := quick()
	cfg.ForecastOnly = true
	_, r := fit(t, set, cfg)
	if f := r.Failure; !(f.Skill < 0.05) || math.Abs(float64(f.AUROC)-0.5) > 0.12 {
		t.Errorf("shuffled, yet the Brier skill is %v and the AUROC %v", f.Skill, f.AUROC)
	}
}

// slower is the set with its time stretched.
func slower(set *Set, by time.Duration) *Set {
	out := *set
	h := set.Histories[0]
	h.Timing = set.Timing
	for _, d := range []*time.Duration{&h.Timing.Step, &h.Timing.Range, &h.Timing.Delay, &h.Timing.Horizon} {
		*d *= by
	}
	later := func(at *time.Time) { *at = epoch.Add(by * at.Sub(epoch)) }
	for _, at := range []*time.Time{&h.Split.Start, &h.Split.TrainEnd, &h.Split.ValidationStart, &h.Split.ValidationEnd, &h.Split.TestStart, &h.Split.End} {
		later(at)
	}
	h.Moments = slices.Clone(h.Moments)
	for i := range h.Moments {
		later(&h.Moments[i].Time)
	}
	out.Histories = []History{h}
	return &out
}

// TestTimeIsCountedInSteps: a recording that is three times as slow, steps and
// all, gives the same examples.
func TestTimeIsCountedInSteps(t *testing.T) {
	set := world{service: "s", endpoints: 3, moments: 600, seed: 7, failures: true}.set()
	told := func(set *Set) (list []example) {
		f := &fitting{set: set, cfg: quick()}
		list, _ = f.survivals(map[string]Limits{"s": {10, 0.3}})
		return list
	}
	want, got := told(set), told(slower(set, 3))
	if len(want) == 0 || len(want) != len(got) {
		t.Fatalf("%d and %d examples", len(want), len(got))
	}
	failed := 0
	for i := range want {
		if want[i].failed {
			failed++
		}
		if want[i].failed != got[i].failed || want[i].after != got[i].after {
			t.Fatalf("example %d: %v after %v, in the slow one %v after %v", i, want[i].failed, want[i].after, got[i].failed, got[i].after)
		}
	}
	if failed == 0 {
		t.Error("nothing fails")
	}
}

// TestForecastOnly trains no routing network, and the same forecast to the bit
// each time.
func TestForecastOnly(t *testing.T) {
	cfg := quick()
	cfg.ForecastOnly, cfg.Epochs = true, 6
	made := func() (*model.Hazard, *Report) {
		m, r := fit(t, world{service: "s", endpoints: 4, moments: 1200, seed: 7, failures: true}.set(), cfg)
		if m.Routing != nil || m.Failure == nil {
			t.Fatalf("routing %v, failure %v", m.Routing != nil, m.Failure != nil)
		}
		return m.Failure, r
	}
	a, r := made()
	b, _ := made()
	if diff := cmp.Diff(a, b, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("twice is not the same:\n%s", diff)
	}
	if r.Failure.Rival == nil || len(r.Failure.Rival.Layers) == len(a.Layers) {
		t.Error("the other form is not there")
	}
}

// TestQuietOnesAreDrawnWithoutBias: what is drawn of the decisions without a
// failure counts for all.
func TestQuietOnesAreDrawnWithoutBias(t *testing.T) {
	m := &Moment{Endpoints: []string{"a"}}
	var examples []example
	for i := range mostQuiet * 3 {
		examples = append(examples, example{place: place{m, 0}, failed: i%1000 == 0})
	}
	w := drawQuiet(examples, seeded(1))
	failed, quiet := 0.0, 0.0
	for _, e := range w.examples {
		if e.failed {
			failed++
		} else {
			quiet += w.quiet
		}
	}
	if want := rateOf(examples); math.Abs(failed/(failed+quiet)-want) > 1e-9 || len(w.examples) > mostQuiet+int(failed) {
		t.Errorf("a rate of %v of %d drawn, want %v", failed/(failed+quiet), len(w.examples), want)
	}
}
