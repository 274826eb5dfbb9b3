package train

import (
	"math"
	"slices"
	"testing"
)

func TestRanks(t *testing.T) {
	nan := math.NaN()
	got := ranks([]float64{30, 10, nan, 20, 20})
	if want := []float64{0.375, -0.375, 0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("ranks %v; want %v", got, want)
	}
	a, b := ranks([]float64{1, 2, 3, 4}), ranks([]float64{1, 8, 27, 64})
	if c := correlation(a, b); math.Abs(c-1) > 1e-12 {
		t.Errorf("a monotone function correlates by %v; want 1", c)
	}
	if c := correlation(a, ranks([]float64{5, 5, 5, 5})); c != 0 {
		t.Errorf("a constant correlates by %v; want 0", c)
	}
}

// TestDealtIsTakenBack: the sample is after a deal as it was before.
func TestDealtIsTakenBack(t *testing.T) {
	set := world{service: "shop", endpoints: 3, moments: 700, seed: 8}.set()
	cfg := quick()
	cfg.Epochs = 5
	m, _ := fit(t, set, cfg)
	j, err := newJudge(&fitting{set: set, cfg: cfg, model: m, services: servicesOf(set)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := j.sample(2)
	before, _, err := p.errors()
	if err != nil {
		t.Fatal(err)
	}
	column := slices.Index(set.Columns, "utilization")
	order := make([]int, len(p.where))
	for i := range order {
		order[i] = (i + 7) % len(order)
	}
	first := p.value(0, column)
	if dealt, _, err := p.dealt([]int{column, -1}, order); err != nil || dealt == before {
		t.Errorf("dealt anew: log-RMSE %v as before (%v)", dealt, err)
	}
	if after, _, _ := p.errors(); math.Abs(after-before) > 1e-6 || p.value(0, column) != first {
		t.Errorf("log-RMSE %v before a deal and %v after it", before, after)
	}
}
