package replay

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/ope"
)

// WriteText writes the table for people.
func (t *Table) WriteText(w io.Writer) error { return t.write(w, t.Sections, t.Requests, t.Verdicts) }

// WriteSummary writes what WriteText does, but of the first section alone (all
// services, where there are several) and without the verdicts, which are over
// each.
func (t *Table) WriteSummary(w io.Writer) error {
	return t.write(w, t.Sections[:min(1, len(t.Sections))], nil, nil)
}

func (t *Table) write(w io.Writer, sections []Section, requests []RequestSection, verdicts []finding.Verdict) error {
	out := bufio.NewWriter(w)
	t.writeHead(out)
	for i := range sections {
		sections[i].writeText(out, t.Reference)
	}
	for i := range requests {
		requests[i].writeText(out, t.Reference)
	}
	if t.Simulated != nil && verdicts != nil {
		if err := t.Simulated.WriteText(out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\n~  no significant difference from %s\n", t.Reference)
	fmt.Fprintf(out, "%s  not achievable: all on the endpoint that turned out cheapest in each window\n", HindsightBest)
	if len(requests) > 0 {
		fmt.Fprintln(out, "errors  are what the metrics count; those of the request log also hold answers that came after their deadline")
	}
	finding.WriteVerdicts(out, verdicts)
	if len(verdicts) > 0 {
		feedback := ""
		if t.Simulated != nil {
			feedback = " but for what was simulated"
		}
		fmt.Fprintf(out, "verdicts of a recording ignore load feedback%s; their intervals are not corrected for how many there are\n", feedback)
	}
	for _, warning := range t.Warnings {
		fmt.Fprintf(out, "warning: %s\n", warning)
	}
	return out.Flush()
}

const timeLayout = "2006-01-02 15:04:05"

func (t *Table) writeHead(w io.Writer) {
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	var services []string
	windows := 0
	for _, s := range t.Sections {
		if s.Service != "" {
			services = append(services, s.Service)
			windows += s.Windows
		}
	}
	fmt.Fprintf(w, "replay    %s: %s\n", t.Recording, strings.Join(services, ", "))
	fmt.Fprintf(w, "judged    %s to %s UTC, %d windows every %v, each by the %v after it\n",
		t.From.UTC().Format(timeLayout), t.To.UTC().Format(timeLayout), windows, seconds(t.Step), seconds(t.Horizon))
	fmt.Fprintf(w, "interval  %g %%, block bootstrap: blocks of %v, %d resamples, seed %d\n", 100*t.Level, seconds(t.Block), t.Resamples, t.Seed)
	fmt.Fprintf(w, "reading   %s: an endpoint answers as it was recorded to, whatever weight it gets\n", t.Label)
	if len(t.LeftOut) > 0 {
		fmt.Fprintf(w, "left out  %s\n", leftOut(t.LeftOut))
	}
}

func (s *Section) writeText(w io.Writer, reference string) {
	fmt.Fprintf(w, "\n%s: %d endpoints, %d windows", title(s.Service), s.Endpoints, s.Windows)
	if s.Idle > 0 {
		fmt.Fprintf(w, " and %d without requests", s.Idle)
	}
	fmt.Fprintf(w, ", %.0f requests in overlapping horizons, %d blocks", s.Requests, s.Blocks)
	if s.Service != "" {
		fmt.Fprintf(w, ", a failure costs %gs", s.FailureCost)
	}
	fmt.Fprintln(w)

	worth := finding.NewGrid(s.names(reference))
	worth.Estimates("cost ms", 1e3, finding.Relative, pick(s.Rows, func(r *Row) Estimate { return r.Cost }))
	worth.Estimates("window p99 ms", 1e3, finding.Relative, pick(s.Rows, func(r *Row) Estimate { return r.P99 }))
	worth.Estimates("errors %", 1e2, finding.Points, pick(s.Rows, func(r *Row) Estimate { return r.Errors }))
	worth.Estimates("agreement %", 1e2, finding.Points, pick(s.Rows, func(r *Row) Estimate { return r.Agreement }))
	worth.Write(w)
	fmt.Fprintln(w)

	ways := finding.NewGrid(s.names(reference))
	ways.Numbers("regret ms", 1e3, pick(s.Rows, func(r *Row) Number { return r.Regret }))
	ways.Numbers("turnover %/min", 1e2, pick(s.Rows, func(r *Row) Number { return r.Turnover }))
	ways.Numbers("moved %", 1e2, pick(s.Rows, func(r *Row) Number { return r.Moved }))
	ways.Numbers("sample %", 1e2, pick(s.Rows, func(r *Row) Number { return r.SampleRatio }))
	ways.Numbers("unseen %", 1e2, pick(s.Rows, func(r *Row) Number { return r.Unseen }))
	ways.Texts("weights from", pick(s.Rows, (*Row).origin))
	ways.Write(w)
}

func (s *RequestSection) writeText(w io.Writer, reference string) {
	fmt.Fprintf(w, "\n%s, from the request log (SNIPS, weights clipped at %g; %s): ", title(s.Service), s.Clip, Label)
	if s.Requests == 0 {
		fmt.Fprintf(w, "no value: no request with a propensity, %d without\n", s.Unknown)
		return
	}
	fmt.Fprintf(w, "%d requests, %d blocks\n", s.Requests, s.Blocks)
	var names []string
	for _, r := range s.Rows {
		names = append(names, rowName(r.Policy, reference))
	}
	g := finding.NewGrid(names)
	g.Estimates("cost ms", 1e3, finding.Relative, pick(s.Rows, func(r *RequestRow) Estimate { return r.Cost }))
	g.Estimates("p99 ms", 1e3, finding.Relative, pick(s.Rows, func(r *RequestRow) Estimate { return r.P99 }))
	g.Estimates("errors %", 1e2, finding.Points, pick(s.Rows, func(r *RequestRow) Estimate { return r.Errors }))
	g.Numbers("effective", 1, pick(s.Rows, func(r *RequestRow) Number { return Number(math.Round(float64(r.SampleSize))) }))
	g.Numbers("clipped %", 1e2, pick(s.Rows, func(r *RequestRow) Number { return r.Clipped }))
	g.Write(w)
	fmt.Fprintln(w)
	s.writeEstimators(w, names)
}

// writeEstimators compares the estimators of the cost: they should agree.
func (s *RequestSection) writeEstimators(w io.Writer, names []string) {
	g := finding.NewGrid(names)
	cost := func(e ope.Estimator) []Estimate {
		return pick(s.Rows, func(r *RequestRow) Estimate { return r.Estimators[e].Cost })
	}
	g.Estimates("cost ms: DR", 1e3, finding.Relative, cost(ope.DR))
	for _, e := range []ope.Estimator{ope.DM, ope.IPS, ope.SNDR, ope.SwitchDR, ope.DRos} {
		values := cost(e)
		g.Numbers(e.String(), 1e3, pick(values, func(e *Estimate) Number { return e.Value }))
	}
	g.Numbers("mean weight", 1, pick(s.Rows, func(r *RequestRow) Number { return r.MeanWeight }))
	g.Numbers("largest", 1, pick(s.Rows, func(r *RequestRow) Number { return r.MaxWeight }))
	g.Numbers("unsupported %", 1e2, pick(s.Rows, func(r *RequestRow) Number { return r.Unsupported }))
	g.Write(w)
}

func (s *Section) names(reference string) []string {
	var names []string
	for _, r := range s.Rows {
		names = append(names, rowName(r.Policy, reference))
	}
	return names
}

func rowName(policy, reference string) string {
	if policy == reference {
		return policy + " (reference)"
	}
	return policy
}

// origin says who set the weights, and why not somebody else.
func (r *Row) origin() string {
	text := countText(r.Sources)
	if len(r.Reasons) > 0 {
		text += " (" + countText(r.Reasons) + ")"
	}
	return text
}

func countText(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

func pick[R, V any](rows []R, of func(*R) V) []V {
	out := make([]V, len(rows))
	for i := range rows {
		out[i] = of(&rows[i])
	}
	return out
}
