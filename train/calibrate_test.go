package train

import (
	"math"
	"slices"
	"testing"
)

func TestCalibrate(t *testing.T) {
	random := seeded(1)
	var list []forecasted
	for range 20_000 { // says p, happens with p²
		p := random.Float64()
		list = append(list, forecasted{p, random.Float64() < p*p})
	}
	c := calibrate(list, 1.0/3, 1)
	if !slices.IsSorted(c.X) || !slices.IsSorted(c.Y) || !slices.IsSorted(c.Low) || !slices.IsSorted(c.High) {
		t.Fatal("knots are not in order")
	}
	missed := 0
	for i := range c.X {
		if math.Abs(c.Y[i]-c.X[i]*c.X[i]) > 0.12 {
			t.Errorf("at %.3f: %.3f; want %.3f", c.X[i], c.Y[i], c.X[i]*c.X[i])
		}
		if !(c.Low[i] <= c.Y[i] && c.Y[i] <= c.High[i] && c.Y[i] > 0 && c.Y[i] < 1) {
			t.Errorf("at %.3f: %v in %v to %v", c.X[i], c.Y[i], c.Low[i], c.High[i])
		}
		if truth := c.X[i] * c.X[i]; truth < c.Low[i] || truth > c.High[i] {
			missed++
		}
	}
	if missed > len(c.X)/3 {
		t.Errorf("%d of %d intervals miss the truth", missed, len(c.X))
	}
	wide := calibrate(list, 1.0/3, 10)
	if i := len(c.X) / 2; wide.High[i]-wide.Low[i] <= c.High[i]-c.Low[i] {
		t.Error("ten decisions of one failure give as narrow an interval as ten failures")
	}
}

func TestCalibrateOfOneKind(t *testing.T) {
	c := calibrate([]forecasted{{0.1, false}, {0.1, false}, {0.4, false}}, 0.02, 1)
	if len(c.X) != 1 || !(c.Y[0] > 0 && c.Y[0] < 0.02) {
		t.Errorf("%+v; want one knot just above 0", c)
	}
	if c := calibrate(nil, 0.02, 1); len(c.X) != 0 {
		t.Errorf("%+v; want no knots", c)
	}
}

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
