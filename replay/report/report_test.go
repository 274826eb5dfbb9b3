package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/finding"
)

func estimate(value float64, change *finding.Change) finding.Estimate {
	return finding.Estimate{Value: finding.Number(value), Low: finding.Number(0.9 * value), High: finding.Number(1.1 * value), Change: change}
}

var quicker = &finding.Change{Value: -0.5, Low: -0.6, High: -0.4, Relative: true, Significant: true}

func findings(name string) *contest.Findings {
	nan := math.NaN()
	curves := contest.Curves{
		Start: []time.Duration{0, 10 * time.Second, 20 * time.Second}, Mean: []float64{0.1, nan, 0.2}, P99: []float64{0.3, 0.4, 0.5},
		Endpoints: []string{"e0", "e1"}, Shares: [][]float64{{0.5, 0.5}, nil, {0.7, 0.3}}, Weights: [][]float64{nil, nil, nil},
	}
	for i := range contest.Parts {
		x := 0.1 + float64(i)/100
		curves.Latency, curves.LatencyLow, curves.LatencyHigh = append(curves.Latency, x), append(curves.LatencyLow, 0.9*x), append(curves.LatencyHigh, 1.1*x)
	}
	row := func(name string, mean float64, change *finding.Change) contest.Row {
		r := contest.Row{Strategy: name, Curves: curves, Declined: map[string]int{"warm_up": 2}}
		for _, m := range contest.Metrics {
			*m.In(&r) = estimate(mean, nil)
		}
		r.Mean.Change, r.Return = change, estimate(nan, nil)
		return r
	}
	c := contest.Comparison{
		Scenario: "stall", About: "One stalls.", Source: "Made up.", FirstSeed: 1, Seeds: 10, WarmUp: 5, Duration: 30, Deadline: 1,
		Rows: []contest.Row{row("even", 0.2, nil), row(name, 0.1, quicker)}, Notes: []string{"p99: the same for all"},
		Faults: []contest.Fault{{Endpoint: "e1", Kind: "hang", Start: 10 * time.Second, End: 15 * time.Second}},
	}
	places := []finding.Place{{Name: "stall", Facts: []finding.Fact{{Metric: "mean", Kind: finding.Latency, Estimate: estimate(0.1, quicker)}}}}
	return &contest.Findings{
		Interval: "t", Test: "paired t", Correction: "Holm", Level: 0.95, Reference: "even", Comparisons: []contest.Comparison{c},
		Verdicts: []finding.Verdict{finding.Judge(name, "even", places, finding.DefaultMargins())}, Warnings: []string{"few seeds"},
	}
}

func written(t *testing.T, r *Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func small(name string) *Report {
	return &Report{
		Title: "Replay", Command: "fairway replay --scenario stall", Inputs: []Input{{"stall (built in)", "00ff"}},
		Findings: findings(name), Calibration: []CalibrationPoint{{0.1, 0.12}, {0.2, 0.19}},
	}
}

func TestReportIsGolden(t *testing.T) {
	got := written(t, small("quick"))
	const path = "testdata/report.html"
	want, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		if err := os.WriteFile(path+".new", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%s (-want +got):\n%s\nif it is right, move %s.new over it", path, diff, path)
	}
	if again := written(t, small("quick")); again != got {
		t.Error("the same report has other bytes")
	}
}

// TestNothingFromElsewhere: no script, and no address that a browser would load.
func TestNothingFromElsewhere(t *testing.T) {
	page := written(t, small("quick"))
	if found := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|@import|url\(|src=|href=|http`).FindString(page); found != "" {
		t.Errorf("the page holds %q", found)
	}
	if strings.Contains(page, "ZgotmplZ") || regexp.MustCompile(`#0102[0-9A-F]{2}`).MatchString(page) {
		t.Error("a value was refused, or a colour was not replaced")
	}
}

// TestNamesAreEscaped, wherever a name comes to stand.
func TestNamesAreEscaped(t *testing.T) {
	evil := `<script>alert("1")</script>&'`
	r := small(evil)
	r.Title, r.Command, r.Inputs[0].Name = evil, evil, evil
	c := &r.Findings.Comparisons[0]
	c.Scenario, c.About, c.Notes = evil, evil, []string{evil}
	for i := range c.Rows {
		c.Rows[i].Curves.Endpoints = []string{evil, "e1"}
		c.Rows[i].Declined = map[string]int{evil: 1}
	}
	page := written(t, r)
	if strings.Contains(page, "<script") {
		t.Error("a name became markup")
	}
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1) {
		if err := wellFormed(svg); err != nil {
			t.Errorf("a picture is no XML: %v", err)
		}
	}
}

func wellFormed(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// TestPicturesAreSaid for those who do not see them.
func TestPicturesAreSaid(t *testing.T) {
	page := written(t, small("quick"))
	pictures := strings.Count(page, "<figure>")
	if pictures < 6 || strings.Count(page, `role="img"`) != pictures || strings.Count(page, "<desc ") != pictures || strings.Count(page, "<title id=") != pictures {
		t.Errorf("%d pictures, not all with a title and a description", pictures)
	}
}

// TestRecordedHistory shows a table of history, with what is unknown in it.
func TestRecordedHistory(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	nan := math.NaN()
	row := func(name string) replay.Row {
		return replay.Row{Policy: name, Cost: estimate(0.1, nil), P99: estimate(nan, nil), Sources: map[string]int{"RULES": 3}}
	}
	curves := &replay.Curves{Start: []time.Time{start, start.Add(time.Minute)}, Endpoints: []string{"e0", "e1"}}
	for _, name := range []string{"even", "fairway"} {
		curves.Rows = append(curves.Rows, replay.RowCurves{Policy: name, Cost: []float64{0.1, nan}, P99: []float64{nan, nan}, Weights: [][]float64{{0.5, 0.5}, nil}})
	}
	table := &replay.Table{
		Label: replay.Label, Recording: "lab", From: start, To: start.Add(time.Hour), Reference: "even",
		Sections: []replay.Section{{Service: "shop", Rows: []replay.Row{row("even"), row("fairway")}, Curves: curves}},
		Requests: []replay.RequestSection{{Service: "shop", Requests: 5, Rows: []replay.RequestRow{{Policy: "even", Cost: estimate(nan, nil), Refused: "too few"}}}},
		Verdicts: []finding.Verdict{finding.Judge("fairway", "even", nil, finding.DefaultMargins())},
	}
	page := written(t, &Report{Title: "Replay", Table: table, Faults: []datasets.Fault{{Service: "shop", Endpoint: "e1", Start: start, End: start.Add(time.Second)}}})
	for _, want := range []string{replay.Label, "cannot tell", "Cost over time", "Weights of fairway", "too few", "RULES 3"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
