package report

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/train"
)

// trainingReport has one of everything. unknown is what an interval of too few
// blocks has.
func trainingReport(name string, unknown bool) *train.Report {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	nan := train.Number(math.NaN())
	around := func(x float64) train.Interval {
		if unknown {
			return train.Interval{Value: train.Number(x), Low90: nan, High90: nan, Low95: nan, High95: nan}
		}
		return train.Interval{Value: train.Number(x), Low90: train.Number(x - 0.01), High90: train.Number(x + 0.01), Low95: train.Number(x - 0.02), High95: train.Number(x + 0.02)}
	}
	score := func(of, by, what string) train.Score {
		s := train.Score{Of: of, Score: by, By: what, Windows: 90}
		for k, rival := range []string{"network", "persistence", "EWMA", "network, load as now"} {
			r := train.Rival{Name: rival, Loss: train.Number(0.1 + 0.05*float64(k))}
			if k > 0 {
				gain := around(0.05 * float64(k))
				r.Gain = &gain
			}
			s.Rivals = append(s.Rivals, r)
		}
		return s
	}
	lost := score("mean", "mape", "windows")
	worse := around(-0.05)
	lost.Rivals[1].Loss, lost.Rivals[1].Gain = 0.05, &worse
	held := []train.Covered{{Name: "network", Share: around(0.9)}, {Name: "persistence", Share: around(0.8)}, {Name: "EWMA", Share: around(0.85)}}
	errors := &train.Errors{
		Windows: 90, Requests: 1e6, Block: 60, Blocks: 9, Logged: true,
		Scores:     []train.Score{score("mean", "mape", "windows"), score("p99", "pinball", "requests")},
		Regimes:    []train.Regime{{By: "service", Name: name, Windows: 40, Scores: []train.Score{score("mean", "mape", "windows")}}, {By: "state", Name: "failing", Windows: 9, Scores: []train.Score{lost}}},
		Deciles:    []train.Decile{{Windows: 9, Predicted: 0.1, Came: around(0.1)}, {Windows: 9, Predicted: 0.2, Came: around(0.21)}},
		Coverage:   []train.Held{{Of: "p90", By: "requests", Level: 0.9, Rivals: held}},
		Importance: []train.Importance{{Inputs: []string{name, "load_now"}, Mean: [3]train.Number{0.1, 0.09, 0.11}}},
	}
	judged := train.Judgement{Decisions: 9, Ways: []train.Way{{Name: "network", Cost: 0.1}, {Name: "hindsight (lower bound)", Cost: 0.09, Gain: -0.01, Low: -0.02, High: -0.005}}, Errors: errors}
	course := train.Course{Best: 1, Stop: "all epochs done", Epochs: []train.Epoch{{Loss: nan, Validation: 0.5}, {Epoch: 1, Loss: 0.4, Validation: 0.45}}}
	return &train.Report{
		Network: "outcome", Parts: []train.Part{{Recording: name, Start: start, End: start.Add(time.Hour)}}, Services: []train.Service{{Name: name, NoChoice: true, Variation: nan}},
		Routing: &train.RoutingReport{Inputs: []string{"load_now"}, Course: course, Kept: true, Validation: judged, Test: judged},
		Failure: &train.FailureReport{Shipped: true, ForecastScores: train.ForecastScores{Skill: -0.1}, Courses: train.FailureCourses{Network: course, Logistic: course, Shipped: "logistic"},
			Reliability: []train.Reliable{{Decisions: 9, Failures: 1, Forecast: 0.1, Observed: 0.11, Low: 0.05, High: 0.2}}},
		Search: &train.Search{Trials: []train.Trial{{Width: 128, Epochs: 1, Validation: 0.45, Losses: []train.Number{0.5, 0.45}}, {Width: 64, Epochs: 1, Validation: train.Number(math.Inf(1)), Diverged: true}}},
		Notes:  []string{name}, Constant: []string{"up"},
	}
}

func trainingPage(t *testing.T, training *Training) string {
	t.Helper()
	var out, again bytes.Buffer
	if err := training.Write(&out); err != nil {
		t.Fatal(err)
	}
	if err := training.Write(&again); err != nil || again.String() != out.String() {
		t.Errorf("the same training has other bytes (%v)", err)
	}
	return out.String()
}

func TestTrainingPage(t *testing.T) {
	table := &replay.Table{Label: replay.Label, Recording: "lab", Reference: "rules alone", Sections: []replay.Section{{Service: "shop", Rows: []replay.Row{{Policy: "this model"}}, Curves: &replay.Curves{}}},
		Verdicts: []finding.Verdict{finding.Judge("this model", "rules alone", nil, finding.DefaultMargins())}}
	page := trainingPage(t, &Training{Title: "Training", Command: "fairway train", Report: trainingReport("shop", false), Replays: []*replay.Table{table}})
	for _, want := range []string{
		"<small>against rules alone</small>", "Errors in test", "Errors in validation", "mean MAPE", "p99 pinball, requests", "Where the network loses, in test",
		"state failing, mean MAPE: 10 % instead of 5 % by persistence", "By service", "Calibration, in test", "shop, load_now", "Failures: what was forecast",
		"Failure forecast, logistic", "trial 1, chosen", "Trials of the search", "epoch 1, kept", "Replay of lab against rules alone", "no choice, not trained", "Columns with one value only: up", "Künsch",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if pictures := strings.Count(page, "<figure>"); pictures < 10 || strings.Count(page, `role="img"`) != pictures {
		t.Errorf("%d pictures; want at least 10, all described", pictures)
	}
	if found := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|@import|url\(|src=|href=|http|NaN|ZgotmplZ|#0102[0-9A-F]{2}`).FindString(page); found != "" {
		t.Errorf("the page holds %q", found)
	}
}

// TestTrainingPageWithLittle: too little for intervals, no test part, no
// routing network at all.
func TestTrainingPageWithLittle(t *testing.T) {
	r := trainingReport("shop", true)
	r.Routing.Test = train.Judgement{}
	page := trainingPage(t, &Training{Title: "Training", Report: r})
	if !strings.Contains(page, "Calibration, in validation") || strings.Contains(page, "NaN") {
		t.Error("without a test part, the page does not show the validation part, or shows what is not known as NaN")
	}
	if strings.Contains(page, ">~<") || strings.Count(page, "not known<") < len(r.Routing.Validation.Errors.Regimes) {
		t.Error("what is not known, for too few blocks, is shown as no difference")
	}
	r.Failure.Skill = train.Number(math.NaN())
	r.Routing.Validation.Errors.Importance[0].Errors = [3]train.Number{-1e-9, -1e-9, 1e-9}
	page = trainingPage(t, &Training{Title: "Training", Report: r})
	if !strings.Contains(page, "In test no endpoint begins to fail") || strings.Contains(page, "-0.00") {
		t.Error("a forecast of unknown worth has a score, or 0 has a sign")
	}
	r.Routing, r.Failure = nil, nil
	if page := trainingPage(t, &Training{Title: "Training", Report: r}); strings.Contains(page, "Errors in") || !strings.Contains(page, "What was learned from") {
		t.Error("without networks, the page speaks of errors, or not of the recordings")
	}
}

// TestCardsNameTheirRecording: those of simulated meshes have one service, of
// one name, so that nothing else tells the cards apart.
func TestCardsNameTheirRecording(t *testing.T) {
	var tables []*replay.Table
	for _, recording := range []string{"meshes/7", `meshes/<b>8</b>`} {
		tables = append(tables, &replay.Table{Label: replay.Label, Recording: recording, Reference: "rules alone", Sections: []replay.Section{{Service: "simulated"}},
			Verdicts: []finding.Verdict{finding.Judge("this model", "rules alone", nil, finding.DefaultMargins())}})
	}
	page := trainingPage(t, &Training{Title: "Training", Report: trainingReport("simulated", false), Replays: tables})
	for _, name := range []string{"meshes/7", "meshes/&lt;b&gt;8&lt;/b&gt;"} {
		if n := strings.Count(page, "<small>against rules alone</small> <small>on "+name+"</small></h3>"); n != 2 {
			t.Errorf("%s stands in %d heads; want it on its card, and where that tells what is lost", name, n)
		}
	}
	replayed := written(t, &Report{Title: "Replay", Table: tables[0]})
	if !strings.Contains(replayed, "<small>on meshes/7</small>") {
		t.Error("the card of a replay does not name the recording")
	}
	if scenario := written(t, small("quick")); strings.Contains(scenario, "<small>on ") {
		t.Error("the card of a scenario names a recording")
	}
}

func TestTrainingNamesAreEscaped(t *testing.T) {
	evil := `<script>alert("1")</script>&'`
	page := trainingPage(t, &Training{Title: evil, Command: evil, Report: trainingReport(evil, false), Inputs: []Input{{evil, "00"}}})
	if strings.Contains(page, "<script") {
		t.Error("a name became markup")
	}
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1) {
		if err := wellFormed(svg); err != nil {
			t.Errorf("a picture is no XML: %v", err)
		}
	}
}

func TestWholeTicks(t *testing.T) {
	for _, high := range []float64{0, 1, 5, 34, 100, 1000} {
		ticks := wholeTicks{}.Ticks(0, high)
		if len(ticks) < 1 || len(ticks) > 7 {
			t.Errorf("%d ticks up to %v", len(ticks), high)
		}
		for _, tick := range ticks {
			if tick.Value != math.Trunc(tick.Value) {
				t.Errorf("a tick at %v", tick.Value)
			}
		}
	}
}

func TestManyRowsMakeATallPicture(t *testing.T) {
	for rows, want := range map[int]string{3: `viewBox="0 0 360 230"`, 40: `viewBox="0 0 360 530"`} {
		c := &chart{title: "t", lines: []line{{dots: true, x: []float64{1, 2}, y: []float64{0, 1}}}, y: axis{ticks: make(rowTicks, rows), min: -0.6, max: float64(rows) - 0.4}}
		if p, err := c.draw(1); err != nil || !strings.Contains(string(p.SVG), want) {
			t.Errorf("%d rows: %v, or not %s", rows, err, want)
		}
	}
}
