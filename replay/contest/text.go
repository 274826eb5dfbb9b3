package contest

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/replay/finding"
)

// WriteText writes the tables and the verdicts for people.
func (f *Findings) WriteText(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "interval  %g %%, %s\n", 100*f.Level, f.Interval)
	fmt.Fprintf(out, "test      %s\n", f.Test)
	fmt.Fprintf(out, "corrected %s\n", f.Correction)
	for i := range f.Comparisons {
		f.Comparisons[i].WriteText(out, f.Reference)
	}
	fmt.Fprintf(out, "\n~  no significant difference from %s\n", f.Reference)
	finding.WriteVerdicts(out, f.Verdicts)
	for _, warning := range f.Warnings {
		fmt.Fprintf(out, "warning: %s\n", warning)
	}
	return out.Flush()
}

// WriteText writes the table for people, under a head.
func (c *Comparison) WriteText(w io.Writer, reference string) {
	fmt.Fprintf(w, "\n%s: %s, deadline %gs, %gs after a warm-up of %gs\n", c.Scenario, c.seedText(), c.Deadline, c.Duration, c.WarmUp)
	for i, columns := range [][]Metric{Metrics[:5], Metrics[5:9], Metrics[9:]} {
		g := finding.NewGrid(c.names(reference))
		for _, m := range columns {
			if c.known(m) {
				difference := finding.Points
				if m.Ratio {
					difference = finding.Relative
				}
				g.Estimates(m.Head, m.Scale, difference, c.values(m))
			}
		}
		if i == 2 {
			g.Texts("fell back, never drained", c.declined())
		}
		g.Write(w)
		fmt.Fprintln(w)
	}
	for _, note := range c.Notes {
		fmt.Fprintf(w, "%s\n", note)
	}
}

func (c *Comparison) seedText() string {
	return fmt.Sprintf("seeds %d to %d", c.FirstSeed, c.FirstSeed+uint64(c.Seeds)-1)
}

func (c *Comparison) names(reference string) []string {
	var names []string
	for _, r := range c.Rows {
		if r.Strategy == reference {
			r.Strategy += " (reference)"
		}
		names = append(names, r.Strategy)
	}
	return names
}

// known reports whether a column has any number.
func (c *Comparison) known(m Metric) bool {
	return slices.ContainsFunc(c.values(m), func(e finding.Estimate) bool { return !notFinite(float64(e.Value)) })
}

func (c *Comparison) values(m Metric) []finding.Estimate {
	var out []finding.Estimate
	for i := range c.Rows {
		out = append(out, *m.In(&c.Rows[i]))
	}
	return out
}

// declined says why the slow loop fell back, and what never was drained.
func (c *Comparison) declined() []string {
	var out []string
	for _, r := range c.Rows {
		var parts []string
		for _, reason := range slices.Sorted(maps.Keys(r.Declined)) {
			parts = append(parts, fmt.Sprintf("%s %d", reason, r.Declined[reason]))
		}
		if r.NotDrained > 0 {
			parts = append(parts, fmt.Sprintf("not drained %d of %d", r.NotDrained, r.ToDrain))
		}
		if r.NotReturned > 0 {
			parts = append(parts, fmt.Sprintf("not returned %d of %d", r.NotReturned, r.ToReturn))
		}
		out = append(out, strings.Join(parts, ", "))
	}
	return out
}
