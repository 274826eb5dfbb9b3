package ope

import (
	"math"
	"testing"
)

// TestThreeRowsByHand: weights of 0.5, 3 and 0.
func TestThreeRowsByHand(t *testing.T) {
	rows := []Row{
		{Reward: 1, Propensity: 0.5, Evaluation: 0.25, Predicted: 0.6, Expected: 0.7},
		{Reward: 2, Propensity: 0.2, Evaluation: 0.6, Predicted: 1.5, Expected: 1.2},
		{Reward: 9, Propensity: 0.5, Evaluation: 0, Predicted: 4, Expected: 0.5},
	}
	cfg := open()
	cfg.Clip, cfg.Switch, cfg.Shrinkage = 2, 2.9, 4
	direct, first, second := 2.4/3, 0.5*(1-0.6), 3*(2-1.5)
	for e, want := range map[Estimator]float64{
		DM: direct, IPS: (0.5*1 + 2*2) / 3, SNIPS: (0.5*1 + 2*2) / 2.5,
		DR: direct + (first+second)/3, SNDR: direct + (first+second)/3.5,
		SwitchDR: direct + first/3,
		DRos:     direct + (4*0.5/(0.25+4)*(1-0.6)+4*3/(9.0+4)*(2-1.5))/3,
	} {
		near(t, e.String(), value(t, rows, cfg, e), want, 1e-12)
	}
	cfg.Switch = 3 // the threshold itself is corrected
	near(t, "Switch-DR at its largest weight", value(t, rows, cfg, SwitchDR), direct+(first+second)/3, 1e-12)

	r, err := Evaluate(rows, cfg)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "effective sample", float64(r.SampleSize), 3.5*3.5/9.25, 1e-12)
	near(t, "mean weight", float64(r.MeanWeight), 3.5/3, 1e-12)
	near(t, "largest weight", float64(r.MaxWeight), 3, 1e-12)
	near(t, "clipped", float64(r.Clipped), 1.0/3, 1e-12)
	// The weights stand 0.667, 1.833 and 1.167 from their mean, in three blocks.
	near(t, "error of the mean weight", float64(r.MeanWeightError), math.Sqrt((16+11*11+7*7)/36.0*1.5)/3, 1e-12)
}
