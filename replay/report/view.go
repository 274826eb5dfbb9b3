package report

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/fairway-mesh/fairway/replay/finding"
)

// view is what the page's template is given.
type view struct {
	Title, What      string
	Style            template.CSS
	Label, LabelText string
	Verdicts         []verdict
	Warnings         []string
	Sections         []section
	Calibration      []picture
	Method           []term
	Command          string
	Inputs           []Input
}

type verdict struct {
	finding.Verdict
	Recording string // that was judged on; empty where none was
	Class     string
	Because   list
	Loses     list
}

// list shows some lines and hides the others.
type list struct{ Lines, More []string }

const few = 6

func newList(lines []string) list {
	n := min(few, len(lines))
	return list{lines[:n], lines[n:]}
}

type section struct {
	Name     string
	Texts    []string
	Tables   []table
	Notes    []string
	Pictures []picture
}

type table struct {
	About string
	Heads []string
	Rows  []tableRow
}

type tableRow struct {
	Name      string
	Reference bool
	Cells     []cell
}

type cell struct {
	finding.Cell
	Class string
}

type term struct{ Name, Text string }

func (r *Report) view() (*view, error) {
	style, err := files.ReadFile("page.css")
	if err != nil {
		return nil, err
	}
	v := &view{Title: r.Title, Style: template.CSS(style), Command: r.Command, Inputs: r.Inputs}
	p := &painter{}
	if r.Findings != nil {
		v.simulated(r.Findings, p)
	}
	if r.Table != nil {
		v.recorded(r, p)
	}
	if len(r.Calibration) > 0 {
		p.add(calibration(r.Calibration))
		v.Calibration = p.taken()
	}
	return v, p.err
}

// painter draws charts, numbers them, and keeps the first failure.
type painter struct {
	n     int
	drawn []picture
	err   error
}

func (p *painter) add(c *chart) {
	p.n++
	drawn, err := c.draw(p.n)
	if err != nil && p.err == nil {
		p.err = err
	}
	p.drawn = append(p.drawn, drawn)
}

func (p *painter) taken() []picture {
	drawn := p.drawn
	p.drawn = nil
	return drawn
}

// verdicts adds a card for each verdict. The names of services do not tell one
// recording from another (a simulated one is always called "simulated"), so a
// card names the recording.
func (v *view) verdicts(verdicts []finding.Verdict, recording string) {
	for _, one := range verdicts {
		var lost []string
		for _, l := range one.Loses {
			lost = append(lost, l.Text())
		}
		v.Verdicts = append(v.Verdicts, verdict{
			Verdict: one, Recording: recording, Class: strings.ReplaceAll(string(one.Answer), " ", "-"),
			Because: newList(one.Because), Loses: newList(lost),
		})
	}
}

// estimates adds a column. Where more is better, the sense of a change turns.
func (t *table) estimates(head string, scale float64, difference func(finding.Estimate, float64) string, values []finding.Estimate, moreIsBetter bool) {
	t.Heads = append(t.Heads, head)
	for i, c := range finding.Cells(scale, difference, values) {
		class := ""
		if d := values[i].Change; d != nil && d.Significant && d.Value != 0 {
			class = "worse"
			if (d.Value < 0) != moreIsBetter {
				class = "better"
			}
		}
		t.Rows[i].Cells = append(t.Rows[i].Cells, cell{c, class})
	}
}

func (t *table) numbers(head string, scale float64, values []finding.Number) {
	t.Heads = append(t.Heads, head)
	for i, text := range finding.Texts(scale, values) {
		t.Rows[i].Cells = append(t.Rows[i].Cells, cell{Cell: finding.Cell{Value: text}})
	}
}

func (t *table) texts(head string, values []string) {
	t.Heads = append(t.Heads, head)
	for i, text := range values {
		t.Rows[i].Cells = append(t.Rows[i].Cells, cell{finding.Cell{Value: text}, "text"})
	}
}

// calibration compares predictions with what came: the closer to the line the
// better.
func calibration(points []CalibrationPoint) *chart {
	l := line{name: "decisions that are alike", dots: true}
	low, high := 0.0, 0.0
	for _, p := range points {
		l.x, l.y = append(l.x, p.Predicted), append(l.y, p.Came)
		for _, x := range []float64{p.Predicted, p.Came} {
			if x > 0 && (low == 0 || x < low) {
				low = x
			}
			high = max(high, x)
		}
	}
	return &chart{
		title: "What was predicted, and what came", about: "Mean latency. On the line, what was predicted came.",
		x: axis{label: "predicted", log: true}, y: axis{label: "came", log: true},
		lines: []line{{name: "as predicted", colour: muted, x: []float64{low, high}, y: []float64{low, high}}, l},
	}
}

// count is a number of things in words.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func percents(m finding.Margins) string {
	return fmt.Sprintf("A latency counts as no worse within %g %% of the reference's; failures within %g %% of the requests or, if more, %g %% of the reference's.",
		100*m.Latency, 100*m.Failures, 100*m.Latency)
}
