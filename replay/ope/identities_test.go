package ope

import (
	"math"
	"math/rand/v2"
	"testing"
)

// noise is a random log: any probabilities, any rewards, any model.
func noise(seed uint64, n int) []Row {
	random := rand.New(rand.NewPCG(seed, 0x6f7065))
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = Row{
			Reward: random.NormFloat64() + 0.3, Propensity: 0.05 + 0.95*random.Float64(), Evaluation: random.Float64(),
			Predicted: random.NormFloat64(), Expected: random.NormFloat64(),
		}
	}
	return rows
}

// open refuses nothing and tames nothing.
func open() Config {
	cfg := DefaultConfig()
	cfg.Clip, cfg.Resamples = math.Inf(1), 100
	cfg.MinSampleSize, cfg.MaxUnsupported, cfg.MaxMeanError = 1, 1, math.Inf(1)
	return cfg
}

func value(t *testing.T, rows []Row, cfg Config, e Estimator) float64 {
	t.Helper()
	r, err := Evaluate(rows, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return float64(r.Estimates[e].Value)
}

// each runs a property on random logs.
func each(t *testing.T, property func(t *testing.T, rows []Row)) {
	for seed := range uint64(30) {
		property(t, noise(seed, 50+int(seed)*13))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestTheLogsOwnPolicyIsWorthTheMean(t *testing.T) {
	each(t, func(t *testing.T, rows []Row) {
		mean := 0.0
		for i := range rows {
			rows[i].Evaluation = rows[i].Propensity
			rows[i].Expected = rows[i].Predicted
			mean += rows[i].Reward / float64(len(rows))
		}
		for _, e := range []Estimator{IPS, SNIPS, DR, SNDR} {
			near(t, e.String(), value(t, rows, open(), e), mean, 1e-12)
		}
	})
}

func TestWithoutAModelDoublyRobustIsIPS(t *testing.T) {
	each(t, func(t *testing.T, rows []Row) {
		for i := range rows {
			rows[i].Predicted, rows[i].Expected = 0, 0
		}
		near(t, "DR", value(t, rows, open(), DR), value(t, rows, open(), IPS), 1e-12)
		near(t, "SNDR", value(t, rows, open(), SNDR), value(t, rows, open(), SNIPS), 1e-12)
	})
}

func TestAPerfectModelIsNotCorrected(t *testing.T) {
	each(t, func(t *testing.T, rows []Row) {
		for i := range rows {
			rows[i].Predicted = rows[i].Reward
		}
		direct := value(t, rows, open(), DM)
		for _, e := range []Estimator{DR, SNDR, SwitchDR, DRos} {
			near(t, e.String(), value(t, rows, open(), e), direct, 1e-12)
		}
	})
}

func TestTamedWeightsReachFromDMToDR(t *testing.T) {
	each(t, func(t *testing.T, rows []Row) {
		cfg := open()
		cfg.Switch, cfg.Shrinkage = 0, 0
		direct, robust := value(t, rows, cfg, DM), value(t, rows, cfg, DR)
		near(t, "Switch-DR at 0", value(t, rows, cfg, SwitchDR), direct, 1e-12)
		near(t, "DRos at 0", value(t, rows, cfg, DRos), direct, 1e-12)
		cfg.Switch, cfg.Shrinkage = math.Inf(1), math.Inf(1)
		near(t, "Switch-DR at ∞", value(t, rows, cfg, SwitchDR), robust, 1e-12)
		near(t, "DRos at ∞", value(t, rows, cfg, DRos), robust, 1e-12)
		cfg.Shrinkage = 1e15 // and it is no jump
		near(t, "DRos at 1e15", value(t, rows, cfg, DRos), robust, 1e-9)
	})
}

func TestSNIPSStaysWithinTheRewards(t *testing.T) {
	each(t, func(t *testing.T, rows []Row) {
		least, most := math.Inf(1), math.Inf(-1)
		for i := range rows {
			least, most = min(least, rows[i].Reward), max(most, rows[i].Reward)
		}
		for _, clip := range []float64{1, 3, math.Inf(1)} {
			cfg := open()
			cfg.Clip = clip
			if v := value(t, rows, cfg, SNIPS); v < least || v > most {
				t.Errorf("SNIPS is %v; want it within [%v, %v]", v, least, most)
			}
		}
	})
}

// TestAConstantAddsItself: self-normalised and doubly robust estimators move
// with the rewards and their model; IPS does not, unless the weights average 1.
func TestAConstantAddsItself(t *testing.T) {
	each(t, func(t *testing.T, rows []Row) {
		moved := make([]Row, len(rows))
		for i, r := range rows {
			moved[i] = r
			moved[i].Reward += 5
			moved[i].Predicted += 5
			moved[i].Expected += 5
		}
		for _, e := range []Estimator{DM, SNIPS, DR, SNDR} {
			near(t, e.String(), value(t, moved, open(), e), value(t, rows, open(), e)+5, 1e-9)
		}
	})
}

// TestTheOrderOfRowsDoesNotMatter, and neither does in how many parts they are
// summed up.
func TestTheOrderOfRowsDoesNotMatter(t *testing.T) {
	each(t, func(t *testing.T, rows []Row) {
		whole, parts := NewSums(7, open()), [2]*Sums{NewSums(7, open()), NewSums(7, open())}
		for i, r := range rows {
			whole.Add(i%7, r)
		}
		for i := len(rows) - 1; i >= 0; i-- {
			parts[i%2].Add(i%7, rows[i])
		}
		parts[0].Merge(parts[1])
		drawn := []int{0, 3, 3, 6, 1}
		for _, e := range Estimators {
			near(t, e.String(), parts[0].statistic(e)(drawn), whole.statistic(e)(drawn), 1e-10)
		}
		got, want := parts[0].Diagnostics(), whole.Diagnostics()
		near(t, "sample size", float64(got.SampleSize), float64(want.SampleSize), 1e-8)
		near(t, "error of the mean weight", float64(got.MeanWeightError), float64(want.MeanWeightError), 1e-10)
		if got.MaxWeight != want.MaxWeight || got.Clipped != want.Clipped || got.Rows != want.Rows {
			t.Errorf("in parts %+v; want %+v", got, want)
		}
	})
}

func TestSameSeedSameResult(t *testing.T) {
	rows := noise(1, 500)
	first, _ := Evaluate(rows, open())
	again, _ := Evaluate(rows, open())
	other := open()
	other.Seed = 2
	third, _ := Evaluate(rows, other)
	for _, e := range Estimators {
		if first.Estimates[e] != again.Estimates[e] {
			t.Errorf("%v: %v, then %v", e, first.Estimates[e], again.Estimates[e])
		}
		if first.Estimates[e].Value != third.Estimates[e].Value || first.Estimates[e].Low == third.Estimates[e].Low {
			t.Errorf("%v: another seed gives %v after %v; want the value again, in another interval", e, third.Estimates[e], first.Estimates[e])
		}
	}
}
