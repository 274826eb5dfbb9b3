package report

import (
	"fmt"
	"html/template"
	"io"

	"github.com/fairway-mesh/fairway/replay/finding"
)

// BeforeAfter is the page of one proxy that met the same requests and the same fault
// twice.
type BeforeAfter struct {
	Title, What, Command string
	// Faulty is the endpoint that got slower From a time To a time, in seconds.
	Faulty   string
	From, To float64
	Runs     []Run
	Method   []string
}

// Run is what came of one of the times.
type Run struct {
	Name   string
	Phases []Phase
	// In seconds since the start, for each second: what half and 99 % of the requests
	// took at most, and the part of the answers that the faulty endpoint gave. NaN where
	// nobody asked.
	P50, P99, Share []float64
}

// Phase is a part of a run; times are in seconds, failures took the deadline.
type Phase struct {
	Name             string
	Requests, Failed int
	P50, P90, P99    float64
	Share            float64
}

// Write writes the page. Equal reports give equal bytes.
func (r *BeforeAfter) Write(w io.Writer) error {
	style, err := files.ReadFile("page.css")
	if err != nil {
		return err
	}
	v := &view{Title: r.Title, What: r.What, Style: template.CSS(style), Command: r.Command}
	p := &painter{}
	out := section{Name: "Before and after", Tables: []table{r.table()}}
	p.add(r.picture("Tail", "The time within which 99 % of the requests of each second were answered; one that failed took its deadline.", "ms, p99", 1e3, func(one *Run) []float64 { return one.P99 }))
	p.add(r.picture("Share of "+r.Faulty, "The part of the answers that the endpoint gave that got slower.", "%", 1e2, func(one *Run) []float64 { return one.Share }))
	p.add(r.picture("Middle", "The time within which half of the requests of each second were answered.", "ms, p50", 1e3, func(one *Run) []float64 { return one.P50 }))
	out.Pictures = p.taken()
	v.Sections = []section{out}
	for i, text := range r.Method {
		v.Method = append(v.Method, term{[]string{"Requests", "Fault", "Limits"}[min(i, 2)], text})
	}
	if p.err != nil {
		return p.err
	}
	return page.ExecuteTemplate(w, "page.html", v)
}

// table has a row for each phase and run.
func (r *BeforeAfter) table() table {
	t := table{About: "Latency, failures, and the share of the endpoint that got slower"}
	var phases []Phase
	for k := range r.Runs[0].Phases {
		for _, one := range r.Runs {
			t.Rows = append(t.Rows, tableRow{Name: one.Phases[k].Name + ", " + one.Name})
			phases = append(phases, one.Phases[k])
		}
	}
	for _, column := range []struct {
		head string
		text func(p *Phase) string
	}{
		{"requests", func(p *Phase) string { return fmt.Sprint(p.Requests) }},
		{"failed", func(p *Phase) string { return fmt.Sprint(p.Failed) }},
		{"p50 ms", func(p *Phase) string { return fmt.Sprintf("%.0f", 1e3*p.P50) }},
		{"p90 ms", func(p *Phase) string { return fmt.Sprintf("%.0f", 1e3*p.P90) }},
		{"p99 ms", func(p *Phase) string { return fmt.Sprintf("%.0f", 1e3*p.P99) }},
		{"share %", func(p *Phase) string { return fmt.Sprintf("%.1f", 1e2*p.Share) }},
	} {
		t.Heads = append(t.Heads, column.head)
		for i := range phases {
			t.Rows[i].Cells = append(t.Rows[i].Cells, cell{Cell: finding.Cell{Value: column.text(&phases[i])}})
		}
	}
	return t
}

// picture has a line for each run.
func (r *BeforeAfter) picture(title, about, label string, scale float64, of func(*Run) []float64) *chart {
	c := &chart{title: title, about: about, x: axis{label: "s"}, y: axis{label: label, zero: true}, marks: []mark{{r.From, r.To}}}
	for i := range r.Runs {
		l := line{name: r.Runs[i].Name, colour: i}
		for second, y := range of(&r.Runs[i]) {
			l.x, l.y = append(l.x, float64(second)+0.5), append(l.y, scale*y)
		}
		c.lines = append(c.lines, l)
	}
	return c
}
