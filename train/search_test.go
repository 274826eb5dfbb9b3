package train

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func searched() (*Set, Config) {
	cfg := quick()
	cfg.Epochs, cfg.Trials, cfg.EpochRows = 9, 5, 600
	return world{service: "s", endpoints: 3, moments: 250, seed: 5}.set(), cfg
}

// TestSearch: the better trials go on, the best of all in validation is
// shipped, and equal searches find the same.
func TestSearch(t *testing.T) {
	set, cfg := searched()
	m, r := fit(t, set, cfg)
	again, same := fit(t, set, cfg)
	if !bytes.Equal(bytesOf(t, m), bytesOf(t, again)) || cmp.Diff(r.Search, same.Search) != "" {
		t.Error("equal searches find different networks")
	}
	given, first := map[int]int{}, r.Search.Trials[0]
	for n, trial := range r.Search.Trials {
		given[trial.Epochs]++
		if trial.Validation < r.Search.Trials[r.Search.Chosen].Validation {
			t.Errorf("trial %d has the loss %v, the chosen one %v", n, trial.Validation, r.Search.Trials[r.Search.Chosen].Validation)
		}
	}
	if first.Epochs != 9 || given[9] > 2 || given[1] < 2 || given[1] > 3 {
		t.Errorf("trials of so many epochs: %v, the first has %d", given, first.Epochs)
	}
	cfg.Trials = 0
	if _, alone := fit(t, set, cfg); alone.Routing.Course.least() != float64(first.Validation) {
		t.Errorf("the first trial has the loss %v, without a search it is %v", first.Validation, alone.Routing.Course.least())
	}
	chosen := r.Search.Trials[r.Search.Chosen]
	if m.Routing.Layers[0].Out != chosen.Width || r.Routing.Course.least() != float64(chosen.Validation) {
		t.Errorf("the network has %d units and the loss %v; chosen was %+v", m.Routing.Layers[0].Out, r.Routing.Course.least(), chosen)
	}
	if first.Width != cfg.Width || first.LearningRate != cfg.LearningRate {
		t.Errorf("the first trial is %+v; want the given settings", first)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "search, 5 trials") || strings.Count(text.String(), "  chosen") != 1 {
		t.Errorf("%v: the report does not show the search:\n%s", err, text.String())
	}
}

// TestBudgetEndsTheSearch: a third of it is for the first rung, and what is
// best when all is spent is shipped. A search of as many trials finds the same
// in its first rung.
func TestBudgetEndsTheSearch(t *testing.T) {
	set, cfg := searched()
	cfg.Trials = MostTrials
	asked := 0.0
	cfg.Spent = func() float64 { asked++; return asked / 12 }
	_, r := fit(t, set, cfg)
	if len(r.Search.Trials) != 4 || r.Search.Cut != "" {
		t.Errorf("%d trials were begun, cut %q; want 4", len(r.Search.Trials), r.Search.Cut)
	}
	asked = -1e9
	counted := cfg
	counted.Trials, counted.Spent = 4, nil
	_, want := fit(t, set, counted)
	if diff := cmp.Diff(want.Search, r.Search); diff != "" {
		t.Error(diff)
	}
	asked = 0
	cfg.Spent = func() float64 {
		if asked++; asked <= 3 {
			return 0
		}
		return 1
	}
	if _, r = fit(t, set, cfg); !strings.Contains(r.Search.Cut, "rung 2 of 3") || !strings.Contains(r.Routing.Course.Stop, "budget") {
		t.Errorf("cut %q, stopped %q", r.Search.Cut, r.Routing.Course.Stop)
	}
}

func TestResumedSearch(t *testing.T) {
	set, cfg := searched()
	want, _ := fit(t, set, cfg)
	for _, stop := range []int{1, 2, 6, 8, 12} {
		cfg.Checkpoint = filepath.Join(t.TempDir(), "x.checkpoint")
		if !stopAfter(t, set, cfg, stop) {
			t.Fatalf("after %d: not stopped", stop)
		}
		if got, _ := fit(t, set, cfg); !bytes.Equal(bytesOf(t, want), bytesOf(t, got)) {
			t.Errorf("stopped after %d epochs: the model is another", stop)
		}
		if _, err := os.Stat(cfg.Checkpoint); err == nil {
			t.Error("the checkpoint was not removed")
		}
	}
}

// TestPoisonedRow: one outcome is not finite. Training stops, and says whose it
// was and when.
func TestPoisonedRow(t *testing.T) {
	set := world{service: "shop", endpoints: 3, moments: 200, seed: 9}.set()
	set.Histories[0].Provenance.Path = "the/recording"
	bad := &set.Histories[0].Moments[17]
	bad.After[1].Mean = math.Inf(1)
	cfg := quick()
	cfg.Epochs, cfg.Batch = 3, 32
	m, r := fit(t, set, cfg)
	d := r.Routing.Course.Diverged
	if d == nil || d.Epoch != 1 || d.Batch < 1 || d.Step != d.Batch {
		t.Fatalf("diverged %+v", d)
	}
	if d.Row == nil || d.Row.Service != "shop" || d.Row.Endpoint != "b" || !d.Row.Time.Equal(bad.Time) || d.Row.Recording != "the/recording" {
		t.Errorf("row %+v", d.Row)
	}
	want := "shop b at " + bad.Time.Format(time.RFC3339) + " in the/recording; epoch 0 is kept"
	if len(r.Diverged) != 1 || !strings.Contains(r.Diverged[0], want) || !strings.Contains(strings.Join(r.Notes, "\n"), want) {
		t.Errorf("diverged %q, notes %q; want %q", r.Diverged, r.Notes, want)
	}
	if !finite(m.Routing.Layers) {
		t.Error("the network that was kept is not finite")
	}
}

// TestDivergedAndStopped: where it diverged is known after going on, too.
func TestDivergedAndStopped(t *testing.T) {
	set := world{service: "shop", endpoints: 3, moments: 400, seed: 9, failures: true}.set()
	set.Histories[0].Moments[17].After[1].Mean = math.Inf(1)
	cfg := quick()
	cfg.Epochs, cfg.Batch = 3, 32
	want, r := fit(t, set, cfg)
	cfg.Checkpoint = filepath.Join(t.TempDir(), "x.checkpoint")
	if !stopAfter(t, set, cfg, 2) {
		t.Fatal("not stopped")
	}
	got, again := fit(t, set, cfg)
	if !bytes.Equal(bytesOf(t, want), bytesOf(t, got)) || cmp.Diff(r.Diverged, again.Diverged) != "" || len(r.Diverged) != 1 {
		t.Errorf("diverged %q, and after going on %q", r.Diverged, again.Diverged)
	}
}

// TestLateDivergence: weights that run away later leave the best network of
// before. Corrections are bounded, so that the loss stays finite for a while.
func TestLateDivergence(t *testing.T) {
	set := world{service: "s", endpoints: 3, moments: 200, seed: 9}.set()
	cfg := quick()
	cfg.LearningRate = 1e30
	_, r := fit(t, set, cfg)
	if d := r.Routing.Course.Diverged; d == nil || d.Epoch != 2 || d.Step < 1 || d.Row != nil || !strings.Contains(d.What, "the weights have run away") {
		t.Errorf("diverged %+v; want the weights to run away, which is no row's doing", d)
	}
	if len(r.Diverged) != 1 {
		t.Errorf("diverged %q", r.Diverged)
	}
}
