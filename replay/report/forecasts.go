package report

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"gonum.org/v1/plot"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/foresight"
)

// Forecasts is the page of how forecasts of failures were judged.
type Forecasts struct {
	Title string
	// Command makes this page again, and Inputs are what it read.
	Command string
	Inputs  []Input
	Report  *foresight.Report
	// Notes say what else was found, such as by looking for leaks.
	Notes []string
}

// Write writes the page. Equal reports give equal bytes.
func (r *Forecasts) Write(w io.Writer) error {
	style, err := files.ReadFile("page.css")
	if err != nil {
		return err
	}
	v := &view{Title: r.Title, Style: template.CSS(style), Command: r.Command, Inputs: r.Inputs}
	v.What = fmt.Sprintf("%s, judged beside: %s.", r.Report.Names[0], strings.Join(r.Report.Names[1:], ", "))
	p := &painter{}
	for i := range r.Report.Sections {
		v.Sections = append(v.Sections, forecastSection(&r.Report.Sections[i], p))
	}
	if len(r.Notes) > 0 {
		v.Sections = append(v.Sections, section{Name: "Besides", Notes: r.Notes})
	}
	v.Method = []term{
		{"Alarms", r.Report.Protocol()},
		{"Incidents", "Failures of endpoints of one service that come together are one incident. Decisions within one, and for a while after it, are not judged: to call a failure that is under way is no forecast. Ramps that recovered by themselves are none."},
		{"Lead", "From the first right alarm to the onset. Two drains ahead: at least twice as long before as it takes to drain one of the service's endpoints at default limits."},
		{"Brier skill", "Against whoever always says the base rate of the very decisions that are judged; of all constants none is better. 1 is perfect, below 0 is worse than that constant."},
		{"ECE", "Mean difference between forecast and frequency over bins (a tenth each, finer below 10 %), weighed by decisions: of those with a probability of 5 % or more, and of all."},
		{"80 % interval", "Of the decisions before a failure of which an interval of time was said, how many fail within it."},
	}
	if p.err != nil {
		return p.err
	}
	return page.ExecuteTemplate(w, "page.html", v)
}

func forecastSection(s *foresight.Section, p *painter) section {
	out := section{Name: s.Name(), Texts: []string{s.Summary()}}
	alarms, probabilities := foresight.Columns()
	for _, one := range []struct {
		about   string
		columns []foresight.Column
	}{{"Incidents and alarms", alarms}, {"Probabilities and times", probabilities}} {
		t := table{About: one.about}
		var limits []string
		for i := range s.Rows {
			t.Rows = append(t.Rows, tableRow{Name: s.Rows[i].Name, Reference: i == 0})
			limits = append(limits, s.Rows[i].ThresholdText())
		}
		if len(out.Tables) == 0 {
			t.texts("threshold", limits)
		}
		for _, c := range one.columns {
			var values []finding.Estimate
			for i := range s.Rows {
				values = append(values, c.Of(&s.Rows[i]))
			}
			t.estimates(c.Head, c.Scale, finding.Points, values, c.More)
		}
		out.Tables = append(out.Tables, t)
	}
	ours := &s.Rows[0]
	if len(ours.Leads) > 0 {
		p.add(leads(ours, float64(s.Drain)))
	}
	if len(ours.Bins) > 0 {
		p.add(forecastReliability(ours))
	}
	p.add(trade(s))
	out.Pictures = p.taken()
	for _, line := range ours.Losses() {
		out.Notes = append(out.Notes, "What "+ours.Name+" loses: "+line+".")
	}
	return out
}

// leads draws the histogram.
func leads(r *foresight.Row, drain float64) *chart {
	bars := line{name: "ramps announced", colour: 0}
	highest := 0.0
	for _, bar := range foresight.Histogram(r.Leads) {
		to, n := bar.To, float64(bar.N)
		if to == 0 {
			to = r.Leads[len(r.Leads)-1]
		}
		bars.x, bars.y = append(bars.x, bar.From, to), append(bars.y, n, n)
		bars.low, bars.high = append(bars.low, 0, 0), append(bars.high, n, n)
		highest = max(highest, n)
	}
	c := &chart{title: "How early ramps were announced", about: fmt.Sprintf("%d ramps, from the first alarm of %s to the onset. The grey line is the time that a drain takes.", len(r.Leads), r.Name),
		x: axis{label: "lead, s", zero: true}, y: axis{label: "ramps", zero: true}, lines: []line{bars}}
	if !math.IsNaN(drain) {
		c.lines = append(c.lines, line{name: "a drain", colour: muted, x: []float64{drain, drain}, y: []float64{0, highest}})
	}
	return c
}

func forecastReliability(r *foresight.Row) *chart {
	dots := line{name: "forecasts that are alike", dots: true}
	var spans []line
	highest := 0.0
	for _, b := range r.Bins {
		x := 100 * float64(b.Forecast)
		dots.x, dots.y = append(dots.x, x), append(dots.y, 100*float64(b.Observed.Value))
		highest = max(highest, x, 100*float64(b.Observed.Value))
		if high := 100 * float64(b.Observed.High); high >= 0 {
			highest = max(highest, high)
			spans = append(spans, line{x: []float64{x, x}, y: []float64{100 * float64(b.Observed.Low), high}})
		}
	}
	diagonal := line{name: "as forecast", colour: muted, x: []float64{0, highest}, y: []float64{0, highest}}
	return &chart{title: "What was forecast, and what came", about: "Decisions about endpoints that work, by the probability of " + r.Name + "; intervals by bootstrap over incidents.",
		x: axis{label: "forecast, %", zero: true, ticks: plot.DefaultTicks{}}, y: axis{label: "failed, %", zero: true}, lines: append(append([]line{diagonal}, spans...), dots)}
}

// trade shows each forecaster's recall and precision.
func trade(s *foresight.Section) *chart {
	c := &chart{title: "Ramps announced, and alarms that were right", about: "Each forecaster at the threshold that calibration chose for it."}
	var names []string
	var recalls, precisions []finding.Estimate
	for i := range s.Rows {
		names = append(names, s.Rows[i].Name)
		recalls, precisions = append(recalls, s.Rows[i].RampRecall), append(precisions, s.Rows[i].AlarmPrecision)
	}
	c.intervals("ramps announced", 0, 2, 100, names, recalls)
	c.intervals("alarms right", 1, 2, 100, names, precisions)
	c.x = axis{label: "%", zero: true}
	return c
}
