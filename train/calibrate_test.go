package train

import (
	"math"
	"testing"
)

func TestScores(t *testing.T) {
	list := []forecasted{{0.9, true}, {0.1, false}, {0.5, true}, {0.5, false}}
	if got := auroc(list); got != 0.875 { // of four pairs, three won and one tied
		t.Errorf("AUROC %v; want 0.875", got)
	}
	if got := brier(list); math.Abs(got-0.13) > 1e-12 {
		t.Errorf("Brier %v; want 0.13", got)
	}
	if got := auroc(list[:1]); !math.IsNaN(got) {
		t.Errorf("AUROC of one kind is %v", got)
	}
}

func TestReliability(t *testing.T) {
	random := seeded(4)
	var list []forecasted
	for range 10_000 {
		p := 0.3 * random.Float64()
		list = append(list, forecasted{p, random.Float64() < p})
	}
	bins := reliability(list, 1)
	decisions, outside := 0, 0
	for _, b := range bins {
		decisions += b.Decisions
		if b.Forecast < b.Low || b.Forecast > b.High {
			outside++
		}
		if float64(b.Observed) != float64(b.Failures)/float64(b.Decisions) {
			t.Errorf("%+v: observed is not failures by decisions", b)
		}
	}
	if len(bins) != reliableBins || decisions != len(list) || outside > 3 {
		t.Errorf("%d bins of %d decisions, %d of honest forecasts outside of their interval", len(bins), decisions, outside)
	}
	if wide := reliability(list, 10); wide[0].High-wide[0].Low <= bins[0].High-bins[0].Low {
		t.Error("decisions that share failures leave no more doubt")
	}
	if same := reliability([]forecasted{{0.1, true}, {0.1, false}, {0.1, false}}, 1); len(same) != 1 || same[0].Failures != 1 {
		t.Errorf("equal forecasts: %+v; want one bin", same)
	}
	if reliability(nil, 1) != nil {
		t.Error("bins of nothing")
	}
}
