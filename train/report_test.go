package train

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
)

func TestReportText(t *testing.T) {
	var b bytes.Buffer
	if err := madeUpReport().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/report.txt", b.Bytes())
}

func TestReportJSON(t *testing.T) {
	text, err := json.MarshalIndent(madeUpReport(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/report.json", append(text, '\n'))
}

// golden compares got with a file; when they differ it leaves got beside it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		if err := os.WriteFile(path+".new", got, 0o600); err != nil {
			t.Error(err)
		}
		t.Errorf("%s differs (-want +got), see %s.new:\n%s", path, path, diff)
	}
}

func madeUpReport() *Report {
	nan := Number(math.NaN())
	at := func(minutes int) time.Time { return epoch.Add(time.Duration(minutes) * time.Minute) }
	judgement := Judgement{Decisions: 240, Ways: []Way{
		{Name: wayNames[0], Cost: 0.0412},
		{wayNames[1], 0.0457, 0.0045, 0.0021, 0.0069},
		{wayNames[2], 0.0431, 0.0019, -0.0003, 0.0041},
		{wayNames[3], 0.0633, 0.0221, 0.0180, 0.0270},
		{wayNames[4], 0.0377, -0.0035, -0.0049, -0.0022},
	}, Mean: 0.213, MeanPersistence: 0.377, Cost: 0.0081, CostPersistence: 0.0126, Errors: madeUpErrors()}
	short := judgement
	short.Decisions, short.Ways, short.Mean, short.Errors = 0, nil, nan, &Errors{}
	coverage := &Coverage{
		Decisions: 240, Gain: 0.031, Low: 0.012, High: 0.05, Answered: Selected{231, 0.155, 0.21, 0.0221}, Declined: Selected{9, 0.4, 0.38, nan},
		Curves: []RiskCurve{
			{"doubt", 0.135, []RiskPoint{{0.25, 0.1}, {0.5, 0.121}, {0.75, 0.14}, {1, 0.166}}},
			{"no order", 0.166, []RiskPoint{{0, 0.166}, {1, 0.166}}},
		},
	}
	return &Report{
		Network: model.Outcome, Seed: 7,
		Parts:    []Part{{"recordings/shop", at(0), at(30), at(31), at(40), at(41), at(50), 720, 216, 216, datasets.None}, {Recording: "recordings/later", Start: at(60), End: at(90), Test: 360, Whole: datasets.Test}},
		Services: []Service{{Name: "catalog", Endpoints: 5, Decisions: 576, Variation: 0.31}, {Name: "pay", Endpoints: 1, Decisions: 576, Variation: nan, NoChoice: true}},
		Constant: []string{"metrics_age"}, Absent: []string{"memory_trend", "memory_vs_past"},
		Routing: &RoutingReport{Inputs: []string{"load_now", "error_ratio"}, Rows: [2]int{3600, 1080}, Kept: true, Test: judgement, Validation: short,
			Members: []Member{{3, 5, 0.33}, {4, 4, 0.29}}, Together: 0.295, TestCoverage: coverage,
			Course: Course{Best: 2, Stop: "no better validation loss in 2 epochs", Epochs: []Epoch{{0, nan, 0.41}, {1, 0.5, 0.33}, {2, 0.41, 0.301}, {3, 0.4, 0.31}, {4, 0.38, 0.312}}}},
		Failure: &FailureReport{Limits: []Limit{{"catalog", 0.35, 0.05, false}, {"pay", 1, 0.05, true}}, Bins: []time.Duration{5 * time.Second, 30 * time.Second},
			Onsets: [3]int{14, 5, 4}, Rows: [3]int{3900, 1300, 1280}, Before: [3]int{84, 30, 24}, BaseRate: 0.0219, ForecastScores: ForecastScores{Brier: 0.0131, BrierBase: 0.0184, Skill: 0.288, AUROC: 0.871, ECE: 0.017, Covered: 0.79}, Other: ForecastScores{Brier: 0.0135, BrierBase: 0.0184, Skill: 0.266, AUROC: 0.86, ECE: 0.021, Covered: 0.81}, Calibrated: true, Shipped: true, Reliability: []Reliable{{40, 2, 0.04, 0.05, 0.01, 0.1}},
			Courses: FailureCourses{Shipped: "logistic",
				Network:  Course{Best: 0, Stop: "no better validation loss in 1 epochs", Epochs: []Epoch{{0, nan, 0.13}, {1, 0.12, 0.14}}},
				Logistic: Course{Best: 1, Stop: "all epochs done", Epochs: []Epoch{{0, nan, 0.13}, {1, 0.125, 0.121}}}}},
		Notes: []string{"pay: no choice, not trained"},
	}
}

func madeUpErrors() *Errors {
	nan := Number(math.NaN())
	score := func(of, by, what string, loss Number) Score {
		s := Score{Of: of, Score: by, By: what, Windows: 900}
		for k, name := range rivalNames {
			r := Rival{Name: name, Loss: loss * Number(1+0.2*float64(k))}
			if k > 0 {
				r.Gain = &Interval{r.Loss - loss, 0.1 * loss, 0.5 * loss, 0.05 * loss, 0.6 * loss}
			}
			if k == rivalEWMA {
				r.HalfLife = 10
			}
			s.Rivals = append(s.Rivals, r)
		}
		return s
	}
	lost, unknown := score("mean", "mape", byWindows, 0.2), score("error_ratio", "brier", byWindows, 0.01)
	lost.Rivals[rivalPersistence] = Rival{Name: rivalNames[rivalPersistence], Loss: 0.15, Gain: &Interval{-0.05, -0.07, -0.03, -0.08, -0.02}}
	unknown.Rivals[rivalEWMA].Gain = &Interval{0.004, nan, nan, nan, nan}
	return &Errors{
		Windows: 900, Requests: 12345, LeftOut: 3, Block: 60, Blocks: 9, Logged: true,
		Scores:     []Score{score("mean", "mape", byWindows, 0.2), score("p50", "log_rmse", byWindows, 0.4), unknown, score("p99", "pinball", byRequests, 0.005)},
		Regimes:    []Regime{{By: "state", Name: "failing", Windows: 20, Scores: []Score{lost}}},
		Deciles:    []Decile{{90, 0.04, Interval{0.041, 0.039, 0.043, 0.038, 0.044}}},
		Coverage:   []Held{{"p90", byRequests, 0.9, []Covered{{rivalNames[0], Interval{0.89, 0.88, 0.9, 0.87, 0.91}}}}},
		Importance: []Importance{{[]string{"load_now", "utilization"}, [3]Number{0.1, 0.09, 0.11}, [3]Number{0.001, 0, 0.002}}},
	}
}
