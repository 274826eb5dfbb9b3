package report

import (
	"fmt"
	"html/template"
	"io"

	"github.com/fairway-mesh/fairway/replay/finding"
)

// Fleets is the page of what proxies did before real endpoints, policy by policy.
type Fleets struct {
	Title, What string
	// Command makes this page again.
	Command string
	Fleets  []Fleet
	Method  []Term
}

// Term is how something was done.
type Term struct{ Name, Text string }

// Fleet is what a number of proxies brought. The lists are in step with Names.
type Fleet struct {
	Name                                   string
	Names                                  []string
	P50, P90, P99, Errors, Ratio, Turnover []finding.Estimate // seconds, per block, parts, parts per minute
	Verdicts, Warnings                     []string
	FaultFrom, FaultTo, Deadline           float64 // seconds; the fault's from the start of a block
	// Took are latencies in seconds and Shares parts at the degrading endpoint, of each
	// policy in each second of a block, over all blocks.
	Took, Shares [][]float64
}

// Write writes the page. Equal reports give equal bytes.
func (r *Fleets) Write(w io.Writer) error {
	style, err := files.ReadFile("page.css")
	if err != nil {
		return err
	}
	v := &view{Title: r.Title, What: r.What, Style: template.CSS(style), Command: r.Command}
	for _, t := range r.Method {
		v.Method = append(v.Method, term(t))
	}
	p := &painter{}
	for i := range r.Fleets {
		v.Sections = append(v.Sections, r.Fleets[i].section(p))
		v.Warnings = append(v.Warnings, r.Fleets[i].Warnings...)
	}
	if p.err != nil {
		return p.err
	}
	return page.ExecuteTemplate(w, "page.html", v)
}

func (f *Fleet) section(p *painter) section {
	out := section{Name: f.Name, Texts: f.Verdicts}
	t := table{About: "What became of the requests, with intervals of 95 %"}
	for _, name := range f.Names {
		t.Rows = append(t.Rows, tableRow{Name: name})
	}
	t.estimates("p50 ms", 1e3, finding.Points, f.P50, false)
	t.estimates("p90 ms", 1e3, finding.Points, f.P90, false)
	t.estimates("p99 ms", 1e3, finding.Points, f.P99, false)
	t.estimates("errors a block", 1, finding.Points, f.Errors, false)
	t.estimates("errors %", 1e2, finding.Points, f.Ratio, false)
	t.estimates("turnover %/min", 1e2, finding.Points, f.Turnover, false)
	out.Tables = append(out.Tables, t)
	p.add(f.bars("p99", "ms", 1e3, f.P99))
	p.add(f.bars("Errors", "requests of a block", 1, f.Errors))
	p.add(f.course("Latency over a block", fmt.Sprintf("The 95th percentile of each second, of all blocks together. A failed request took its deadline, %v ms.", 1e3*f.Deadline), "ms", 1e3, f.Took))
	p.add(f.course("Share of the degrading endpoint", "Part of the answers that it gave, in each second.", "%", 1e2, f.Shares))
	out.Pictures = p.taken()
	return out
}

// bars are a figure of all policies, with its interval.
func (f *Fleet) bars(title, unit string, scale float64, values []finding.Estimate) *chart {
	c := &chart{title: title, about: "Dots are all blocks together, lines their intervals of 95 %.", x: axis{label: unit, zero: true}}
	c.intervals("", 0, 1, scale, f.Names, values)
	return c
}

// course is how something went in a block.
func (f *Fleet) course(title, about, unit string, scale float64, values [][]float64) *chart {
	c := &chart{
		title: title, about: about, marks: []mark{{f.FaultFrom, f.FaultTo}},
		x: axis{label: "seconds since the start of a block", zero: true}, y: axis{label: unit, zero: true},
	}
	for i, name := range f.Names {
		l := line{name: name, colour: i}
		for second, x := range values[i] {
			l.x, l.y = append(l.x, float64(second)+0.5), append(l.y, scale*x)
		}
		c.lines = append(c.lines, l)
	}
	return c
}
