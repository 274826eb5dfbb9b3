package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/fairway-mesh/fairway/replay/finding"
)

// writeText writes the figures as Markdown.
func (f *ablationFigures) writeText(w io.Writer) error {
	t := &strings.Builder{}
	t.WriteString("### What competes\n\n| | is |\n|---|---|\n")
	for _, c := range contestants {
		fmt.Fprintf(t, "| %s | %s |\n", c.name, c.is)
	}
	t.WriteString("\n")
	for i := range f.Pickers {
		p := &f.Pickers[i]
		fmt.Fprintf(t, "### In %d scenarios, picked by `%s`\n\n", len(p.Scenarios), p.Picker)
		fmt.Fprintf(t, "Over `%s`, %d seeds; below 1 is less; %.0f %% intervals over the scenarios.\n\n", f.Reference, f.Seeds, 100*f.Level)
		if len(p.LeftOut) > 0 {
			fmt.Fprintf(t, "Left out for want of time: %s.\n\n", strings.Join(p.LeftOut, ", "))
		}
		p.writeRows(t)
		fmt.Fprintf(t, "\nIn how many scenarios the row's mean latency is below the column's; **bold** where the ratio over all scenarios is below 1 significantly (t, Holm over all pairs).\n\n")
		p.writeDuels(t, f.Level)
		t.WriteString("\n")
	}
	f.writeCosts(t)
	for i := range f.Recorded {
		f.Recorded[i].write(t, f.Level)
	}
	t.WriteString("\n")
	_, err := io.WriteString(w, t.String())
	return err
}

func (f *ablationFigures) writeCosts(t *strings.Builder) {
	if len(f.Costs) == 0 {
		return
	}
	fmt.Fprint(t, "### What a decision takes\n\nns, the median of a run.\n\n| | 5 endpoints | 10 endpoints | 100 endpoints |\n|---|---|---|---|\n")
	for _, c := range f.Costs {
		fmt.Fprintf(t, "| %s | %s | %s | %s |\n", c.Name, whole(c.Five), whole(c.Ten), whole(c.Hundred))
	}
}

func (p *ablationPart) writeRows(t *strings.Builder) {
	t.WriteString("| | scenarios | mean | p99 | failed |\n|---|---|---|---|---|\n")
	for _, r := range p.Rows {
		fmt.Fprintf(t, "| %s | %d | %s | %s | %s |\n", r.Name, r.Scenarios, r.Mean.text(), r.P99.text(), r.Failed.text())
	}
}

// writeDuels writes the matrix; columns are numbered, as their names are long.
func (p *ablationPart) writeDuels(t *strings.Builder, level float64) {
	by := map[[2]string]string{}
	for i := range p.Duels {
		d := &p.Duels[i]
		by[[2]string{d.Row, d.Column}] = d.cell(d.Lower, d.P < finding.Number(1-level) && d.Ratio < 1, len(p.Scenarios))
		by[[2]string{d.Column, d.Row}] = d.cell(d.Higher, d.P < finding.Number(1-level) && d.Ratio > 1, len(p.Scenarios))
	}
	t.WriteString("| | |")
	for i := range p.Rows {
		fmt.Fprintf(t, " %d |", i+1)
	}
	t.WriteString("\n|---|---|" + strings.Repeat("---|", len(p.Rows)) + "\n")
	for i, row := range p.Rows {
		fmt.Fprintf(t, "| %d | %s |", i+1, row.Name)
		for _, column := range p.Rows {
			fmt.Fprintf(t, " %s |", by[[2]string{row.Name, column.Name}])
		}
		t.WriteString("\n")
	}
}

// cell is a number of scenarios, of how many where that is not all of them.
func (d *ablationDuel) cell(n int, better bool, all int) string {
	text := fmt.Sprint(n)
	if d.Of < all {
		text = fmt.Sprintf("%d of %d", n, d.Of)
	}
	if better {
		text = "**" + text + "**"
	}
	return text
}

func (r ablationRatio) text() string {
	return fmt.Sprintf("%s [%s, %s]", short(r.Value), short(r.Low), short(r.High))
}

func whole(n finding.Number) string {
	if math.IsNaN(float64(n)) {
		return "does not fit"
	}
	return fmt.Sprintf("%.0f", float64(n))
}

func (r *ablationRecorded) write(t *strings.Builder, level float64) {
	fmt.Fprintf(t, "\n### On %s, service %s, %d endpoints\n\n", r.Recording, r.Service, r.Endpoints)
	fmt.Fprintf(t, "%.0f %% intervals over blocks of time; change from `%s`.\n\n| | cost ms | change %% | window p99 ms | errors %% |\n|---|---|---|---|---|\n", 100*level, recordedReference)
	for _, row := range r.Rows {
		fmt.Fprintf(t, "| %s | %s | %s | %s | %s |\n", row.Name, estimated(&row.Cost, 1e3), changed(&row.Cost), estimated(&row.P99, 1e3), estimated(&row.Errors, 1e2))
	}
}

func estimated(e *finding.Estimate, scale float64) string {
	return fmt.Sprintf("%.3g [%.3g, %.3g]", scale*float64(e.Value), scale*float64(e.Low), scale*float64(e.High))
}

// changed is the change of a cost in per cent of the reference's.
func changed(e *finding.Estimate) string {
	c := e.Change
	if c == nil {
		return "reference"
	}
	reference := 1.0
	if !c.Relative {
		reference = float64(e.Value - c.Value)
	}
	return fmt.Sprintf("%+.1f [%+.1f, %+.1f]", 100*float64(c.Value)/reference, 100*float64(c.Low)/reference, 100*float64(c.High)/reference)
}
