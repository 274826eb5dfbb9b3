package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/finding"
)

func (v *view) simulated(f *contest.Findings, p *painter) {
	var scenarios []string
	for i := range f.Comparisons {
		scenarios = append(scenarios, f.Comparisons[i].Scenario)
	}
	strategies := 0
	if len(f.Comparisons) > 0 {
		strategies = len(f.Comparisons[0].Rows)
	}
	v.What = fmt.Sprintf("%s compared in the simulated mesh on %s: %s.", count(strategies, "strategy", "strategies"), count(len(scenarios), "scenario", "scenarios"), strings.Join(scenarios, ", "))
	v.verdicts(f.Verdicts, "")
	v.Warnings = append(v.Warnings, f.Warnings...)
	v.Method = append(v.Method,
		term{"Reference", f.Reference + ". All changes are from it; ~ means that no significant one was seen."},
		term{"Seeds", "Every strategy meets the same seeds: the same arrivals, the same work, the same faults (common random numbers)."},
		term{"Intervals", fmt.Sprintf("%g %%: %s.", 100*f.Level, f.Interval)},
		term{"Test", f.Test + "."},
		term{"Correction", f.Correction + "."})
	if len(f.Verdicts) > 0 {
		v.Method = append(v.Method, term{"Margins", percents(f.Verdicts[0].Margins)})
	}
	v.Method = append(v.Method, term{"Reading", "A failed request counts with the deadline. Faults and antagonists are simulated: shapes and orders carry over to a real mesh, milliseconds do not."})
	for i := range f.Comparisons {
		v.Sections = append(v.Sections, comparison(&f.Comparisons[i], f.Reference, p))
	}
}

func comparison(c *contest.Comparison, reference string, p *painter) section {
	s := section{Name: c.Scenario, Notes: c.Notes}
	for _, text := range []string{c.About, c.Source} {
		if text != "" {
			s.Texts = append(s.Texts, text)
		}
	}
	s.Texts = append(s.Texts, fmt.Sprintf("Seeds %d to %d; requests arrive for %gs, of which the first %gs are not judged; deadline %gs.",
		c.FirstSeed, c.FirstSeed+uint64(c.Seeds)-1, c.Duration, c.WarmUp, c.Deadline))
	s.Tables = []table{
		columns("Latency", c, reference, contest.Metrics[:5]),
		columns("Failures, requests in flight at an endpoint, and how traffic moves", c, reference, contest.Metrics[5:]),
	}
	ways := &s.Tables[1]
	var fell, never []string
	for i := range c.Rows {
		fell, never = append(fell, declined(&c.Rows[i])), append(never, stayed(&c.Rows[i]))
	}
	if someText(fell) {
		ways.texts("fell back", fell)
	}
	if someText(never) {
		ways.texts("faults", never)
	}
	p.add(latencies(c))
	p.add(overTime(c, "p99 over time", "The p99 of each part of the time: the middle of the seeds.", func(r *contest.Curves) []float64 { return r.P99 }))
	p.add(overTime(c, "Mean over time", "The mean latency of each part of the time: the middle of the seeds.", func(r *contest.Curves) []float64 { return r.Mean }))
	if moves := drains(c); moves != nil {
		p.add(moves)
	}
	for i := range c.Rows {
		if chart := weights(c, &c.Rows[i]); chart != nil {
			p.add(chart)
		}
	}
	s.Pictures = p.taken()
	return s
}

// columns makes a table of the metrics that anything is known of.
func columns(about string, c *contest.Comparison, reference string, metrics []contest.Metric) table {
	t := table{About: about}
	for _, r := range c.Rows {
		t.Rows = append(t.Rows, tableRow{Name: r.Strategy, Reference: r.Strategy == reference})
	}
	for _, m := range metrics {
		var values []finding.Estimate
		known := false
		for i := range c.Rows {
			e := *m.In(&c.Rows[i])
			known = known || !math.IsNaN(float64(e.Value))
			values = append(values, e)
		}
		if !known {
			continue
		}
		difference := finding.Points
		if m.Ratio {
			difference = finding.Relative
		}
		t.estimates(m.Head, m.Scale, difference, values, false)
	}
	return t
}

func declined(r *contest.Row) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(r.Declined)) {
		parts = append(parts, fmt.Sprintf("%s %d", reason, r.Declined[reason]))
	}
	return strings.Join(parts, ", ")
}

func stayed(r *contest.Row) string {
	var parts []string
	if r.NotDrained > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d not drained", r.NotDrained, r.ToDrain))
	}
	if r.NotReturned > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d not returned", r.NotReturned, r.ToReturn))
	}
	return strings.Join(parts, ", ")
}

func someText(texts []string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return s != "" })
}

// bands is the number of rows up to which a picture can bear a band for each.
const bands = 6

// latencies is the distribution of the latency, stretched towards its tail.
func latencies(c *contest.Comparison) *chart {
	out := &chart{
		title: "Latency below which a part of the requests is",
		about: "The middle of the seeds, and a band from the least to the most of them. The axis of the parts is stretched towards the tail.",
		x:     axis{label: "latency", log: true}, y: axis{label: "requests", ticks: partTicks{}, max: stretch(0.999)},
	}
	var parts []float64
	for _, part := range contest.Parts {
		parts = append(parts, stretch(part))
	}
	for i := range c.Rows {
		curves := &c.Rows[i].Curves
		l := line{name: c.Rows[i].Strategy, colour: i, x: curves.Latency, y: parts, sideways: true}
		if len(c.Rows) <= bands && c.Seeds > 1 {
			l.low, l.high = curves.LatencyLow, curves.LatencyHigh
		}
		out.lines = append(out.lines, l)
	}
	if len(c.Rows) > bands {
		out.about = "The middle of the seeds. The axis of the parts is stretched towards the tail."
	}
	return out
}

func overTime(c *contest.Comparison, title, about string, of func(*contest.Curves) []float64) *chart {
	out := &chart{title: title, about: about, x: axis{label: "seconds since the start"}, y: axis{label: "latency", log: true}, marks: marks(c.Faults)}
	for i := range c.Rows {
		curves := &c.Rows[i].Curves
		out.lines = append(out.lines, line{name: c.Rows[i].Strategy, colour: i, x: sinceStart(curves.Start), y: of(curves)})
	}
	return out
}

func sinceStart(times []time.Duration) []float64 {
	out := make([]float64, len(times))
	for i, t := range times {
		out[i] = t.Seconds()
	}
	return out
}

func marks(faults []contest.Fault) []mark {
	var out []mark
	for _, f := range faults {
		out = append(out, mark{f.Start.Seconds(), f.End.Seconds()})
	}
	return out
}

// drains shows the times of each row as intervals; nil where nothing drains.
func drains(c *contest.Comparison) *chart {
	out := &chart{title: "Drain and return", about: "How long the endpoint still got a tenth of its share after a fault began, and how long until half of it was back after the end. What never happened counts with the time that was left."}
	for k, m := range []struct {
		name string
		in   func(*contest.Row) *finding.Estimate
	}{
		{"drain", func(r *contest.Row) *finding.Estimate { return &r.Drain }},
		{"return", func(r *contest.Row) *finding.Estimate { return &r.Return }},
	} {
		var names []string
		var values []finding.Estimate
		for i := range c.Rows {
			names, values = append(names, c.Rows[i].Strategy), append(values, *m.in(&c.Rows[i]))
		}
		out.intervals(m.name, k, 2, 1, names, values)
	}
	out.x.label = "seconds"
	if len(out.lines) == 0 {
		return nil
	}
	return out
}
