package report

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/foresight"
)

// forecastsReport has one of everything; where it is empty nothing was seen.
func forecastsReport(name string, empty bool) *foresight.Report {
	nan := finding.Number(math.NaN())
	around := func(x float64) finding.Estimate {
		if empty {
			return finding.Estimate{Value: nan, Low: nan, High: nan}
		}
		return finding.Estimate{Value: finding.Number(x), Low: finding.Number(x / 2), High: finding.Number(2 * x)}
	}
	row := func(name string) foresight.Row {
		r := foresight.Row{Name: name, Threshold: 0.3, Held: true, RampRecall: around(0.4), SuddenRecall: around(0), Recall: around(0.3), AlarmPrecision: around(0.5), PerDay: around(3),
			Lead: around(40), InTime: around(0.3), Brier: around(0.01), Skill: around(0.2), Foreseeable: around(0.3), ECE: around(0.02), ECEAll: around(0.01), ECEChance: 0.01, Cover: around(0.8)}
		if !empty {
			r.Leads = []float64{5, 12, 45, 70, 2000}
			r.Bins = []foresight.Bin{{Decisions: 900, Forecast: 0.01, Observed: around(0.012)}, {From: 0.1, Decisions: 30, Forecast: 0.14, Observed: around(0.2)}}
			r.Kinds = []foresight.Kind{{Kind: "leak", Class: "ramp", Incidents: 9, Announced: 5}}
			r.WrongIn, r.Wrong = map[string]float64{"recovered": 2}, 2
		}
		return r
	}
	s := foresight.Section{Sources: 3, Incidents: map[string]int{"ramp": 9}, Days: 2, Decisions: 1000, BaseRate: 0.01, Drain: 10, Rows: []foresight.Row{row(name), row("base rate")}}
	lab := s
	lab.Group = "the lab"
	return &foresight.Report{Refractory: 1, Block: 10, Precision: 0.5, Resamples: 100, Level: 0.95, Names: []string{name, "base rate"}, Sections: []foresight.Section{s, lab}}
}

func TestForecasts(t *testing.T) {
	page := Forecasts{Title: "Forecasts", Command: "fairway bench forecast", Report: forecastsReport("<ours>", false), Notes: []string{"no leak was found"}}
	var first, second bytes.Buffer
	if err := errors.Join(page.Write(&first), page.Write(&second)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two equal reports gave other bytes")
	}
	text := first.String()
	for _, want := range []string{"&lt;ours&gt;", "The lab", "How early ramps were announced", "What was forecast, and what came", "Ramps announced, and alarms that were right", "4 of 9 incidents of leak", "no leak was found"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(text, "<ours>") || strings.Contains(text, "NaN") {
		t.Error("the page shows what it should have escaped, or NaN")
	}
}

// TestForecastsOfNothing: a report in which nothing was seen is a page too.
func TestForecastsOfNothing(t *testing.T) {
	page := Forecasts{Title: "Forecasts", Report: forecastsReport("ours", true)}
	var out bytes.Buffer
	if err := page.Write(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "NaN") {
		t.Error("the page shows NaN")
	}
}
