package ope

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// two is a log of two actions, of which the second is drawn with a
// probability, valued for a policy that takes it with another.
func two(n int, logged, wanted float64, seed uint64) []Row {
	random := rand.New(rand.NewPCG(seed, 11))
	rows := make([]Row, n)
	for i := range rows {
		r := &rows[i]
		r.Propensity, r.Evaluation, r.Predicted, r.Expected = 1-logged, 1-wanted, 0, 0
		if random.Float64() < logged {
			r.Propensity, r.Evaluation, r.Reward = logged, wanted, 1
		}
	}
	return rows
}

func refused(t *testing.T, rows []Row) *Result {
	t.Helper()
	r, err := Evaluate(rows, DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	for e, v := range r.Estimates {
		if math.IsNaN(float64(v.Value)) != (r.Refused != "") {
			t.Errorf("%v is %v, refused %q; want no value exactly when refused", e, v, r.Refused)
		}
	}
	return r
}

func TestRefusals(t *testing.T) {
	unsupported := two(5000, 0.5, 0.5, 1)
	for i := range unsupported {
		unsupported[i].Unsupported = 0.06
	}
	supported := two(5000, 0.5, 0.5, 1)
	for i := range supported {
		supported[i].Unsupported = 0.04
	}
	wrong := two(5000, 0.5, 0.5, 1)
	for i := range wrong { // recorded too large
		wrong[i].Propensity *= 1.3
	}
	few := two(5000, 0.01, 0.9, 1)
	none := two(200, 0.5, 0.5, 1)
	for i := range none {
		none[i].Propensity = nan
	}
	for _, c := range []struct {
		name string
		rows []Row
		want string
	}{
		{"fine", two(5000, 0.5, 0.8, 1), ""},
		{"little unsupported", supported, ""},
		{"unsupported", unsupported, "6.0 % of the policy's probability is on what the log never took, more than 5 %"},
		{"wrong propensities", wrong, "the mean weight is 0.77 ± 0.00, not 1"},
		{"a small sample", few, "the effective sample of "},
		{"no propensity", none, "no propensity is recorded"},
		{"no row", nil, "no propensity is recorded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := refused(t, c.rows)
			if (c.want == "") != (r.Refused == "") || !strings.Contains(r.Refused, c.want) {
				t.Errorf("refused %q; want %q", r.Refused, c.want)
			}
			if r.Rows+r.Unknown != len(c.rows) {
				t.Errorf("%d rows and %d unknown of %d", r.Rows, r.Unknown, len(c.rows))
			}
		})
	}
}

// TestAMeanWeightWithinItsErrorIsNotHeldAgainstIt: with few large weights it is
// off by chance.
func TestAMeanWeightWithinItsErrorIsNotHeldAgainstIt(t *testing.T) {
	checked := 0
	for seed := range uint64(20) {
		r := refused(t, two(3000, 0.002, 0.3, seed))
		off, deviation := math.Abs(float64(r.MeanWeight)-1), float64(r.MeanWeightError)
		if off > 0.1 && off < 3*deviation {
			checked++
			if strings.Contains(r.Refused, "mean weight") {
				t.Errorf("mean weight %v ± %v, refused %q; want it not refused for that", r.MeanWeight, r.MeanWeightError, r.Refused)
			}
		}
	}
	if checked < 3 {
		t.Errorf("%d logs had a mean weight off by chance; want some", checked)
	}
}

func TestRowsWithoutAPropensityAreLeftOut(t *testing.T) {
	rows := two(3000, 0.5, 0.7, 2)
	without := append([]Row(nil), rows...)
	for i := range 50 {
		without = append(without, Row{Reward: 1e6, Propensity: []float64{0, nan}[i%2], Evaluation: 1, Predicted: nan, Expected: nan})
	}
	cfg := DefaultConfig()
	cfg.BlockRows = 100
	a, err := Evaluate(rows, cfg)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Evaluate(without, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if b.Unknown != 50 || b.Rows != 3000 || a.Estimates[IPS] != b.Estimates[IPS] || a.Estimates[DR] != b.Estimates[DR] {
		t.Errorf("with 50 rows without a propensity: %+v; want %+v", b, a)
	}
}

func TestRowsWithoutAPredictionDoNotCountForTheModel(t *testing.T) {
	rows := two(3000, 0.5, 0.7, 2)
	for i := range 100 {
		rows[i].Expected = nan
	}
	for i := 100; i < 150; i++ { // what is expected of an action that would not be taken does not matter
		rows[i].Predicted, rows[i].Evaluation = nan, 0
	}
	r := refused(t, rows)
	if r.Unpredicted != 100 || math.IsNaN(float64(r.Estimates[DR].Value)) {
		t.Errorf("%d rows without a prediction, DR %v; want 100, and a value", r.Unpredicted, r.Estimates[DR])
	}
}

func TestClippedIsCountedAndLowersIPS(t *testing.T) {
	rows := two(20000, 0.01, 0.5, 3)
	cfg := open()
	whole, _ := Evaluate(rows, cfg)
	cfg.Clip = 20
	cut, _ := Evaluate(rows, cfg)
	if near(t, "clipped", float64(cut.Clipped), 0.01, 0.003); whole.Clipped != 0 || cut.MaxWeight != 50 || cut.MeanWeight != whole.MeanWeight || cut.SampleSize != whole.SampleSize {
		t.Errorf("clipped %+v; whole %+v; want the same diagnostics but for the clipped part", cut.Diagnostics, whole.Diagnostics)
	}
	near(t, "IPS", float64(cut.Estimates[IPS].Value), float64(whole.Estimates[IPS].Value)*20/50, 1e-9)
}

func TestBadRowsAreNamed(t *testing.T) {
	for want, row := range map[string]Row{
		"row 1: the reward is NaN":               {Reward: nan, Propensity: 0.5},
		"row 1: the propensity is 1.5":           {Propensity: 1.5},
		"row 1: the propensity is -1":            {Propensity: -1},
		"row 1: the evaluation probability is 2": {Propensity: 0.5, Evaluation: 2},
		"row 1: the unsupported probability":     {Propensity: 0.5, Unsupported: nan},
		"row 1: the model says +Inf":             {Propensity: 0.5, Predicted: math.Inf(1)},
	} {
		if _, err := Evaluate([]Row{{Propensity: 1}, row}, DefaultConfig()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q", err, want)
		}
	}
	if _, err := Evaluate(nil, Config{}); err == nil || !strings.Contains(err.Error(), "clip is 0") || !strings.Contains(err.Error(), "level is 0") {
		t.Errorf("error %v; want all that is out of range", err)
	}
}

func TestBlocksAreOfTimeWhereThereIsOne(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rows := two(3000, 0.5, 0.6, 1)
	for i := range rows { // ten and a half minutes, out of order
		rows[i].Time = start.Add(time.Duration((i*7)%3000) * 210 * time.Millisecond)
	}
	if r := refused(t, rows); r.Blocks != 11 {
		t.Errorf("%d blocks in ten and a half minutes; want 11", r.Blocks)
	}
	for i := range rows {
		rows[i].Time = start.Add(time.Duration(i) * time.Hour)
	}
	if r := refused(t, rows); r.Blocks > maxBlocks {
		t.Errorf("%d blocks; want at most %d", r.Blocks, maxBlocks)
	}
	rows[17].Time = time.Time{}
	if r := refused(t, rows); r.Blocks != maxBlocks {
		t.Errorf("%d blocks of rows; want %d", r.Blocks, maxBlocks)
	}
}

func TestResultsReadBackFromJSON(t *testing.T) {
	for name, rows := range map[string][]Row{"refused": nil, "given": two(2000, 0.5, 0.6, 1)} {
		r := refused(t, rows)
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(name, err)
		}
		var back Result
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(name, err)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(text) {
			t.Errorf("%s: read back %s (%v); want %s", name, again, err, text)
		}
		if !strings.Contains(string(text), `"switch_dr":{"value":`) {
			t.Errorf("%s: no switch_dr in %s", name, text)
		}
	}
	var e Estimator
	if err := e.UnmarshalText([]byte("magic")); err == nil {
		t.Error("magic is an estimator")
	}
}
