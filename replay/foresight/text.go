package foresight

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/finding"
)

// Classes are those of incidents, in the order in which they are told.
var Classes = []string{datasets.Ramp, datasets.Sudden, datasets.Recovered, datasets.Benign, ""}

// ClassText says what a class of incidents or faults is.
func ClassText(class string) string {
	switch class {
	case datasets.Ramp:
		return "ramps that ended in failure"
	case datasets.Sudden:
		return "failures that nothing announced"
	case datasets.Recovered:
		return "ramps that recovered"
	case datasets.Benign:
		return "what is no fault, such as restarts"
	}
	return "no fault that is known"
}

// Protocol says in one paragraph how it was judged.
func (r *Report) Protocol() string {
	return fmt.Sprintf("An alarm is a decision at or above the threshold about an endpoint that works, of which none was raised in the last %s. It is right when the endpoint begins to fail within the horizon, wrong when it does not. "+
		"Thresholds were chosen on calibration recordings, which had %s: of those with a precision of surely %.2f there (the lower end of its 90 %% interval), the one that announced most ramps (marked *: none had it, and the best F1 counts). "+
		"Whoever has no probability was given one there. Intervals of %g %%: bootstrap over incidents and stretches of %g horizons without one, %d draws; changes are from %s, paired; ~ means that none was seen. Ramps and sudden failures: how many were announced; alarms/day: of an endpoint; lead: median over the ramps announced; in time: ramps announced two drains ahead; without sudden: the skill without failures that nothing announced; by chance: the ECE that honest forecasts would show on as few incidents.",
		times(r.Refractory, "horizon"), r.calibrated(), r.Precision, 100*r.Level, r.Block, r.Resamples, r.Names[0])
}

func times(n float64, what string) string {
	if n == 1 {
		return what
	}
	return fmt.Sprintf("%g %ss", n, what)
}

func (r *Report) calibrated() string {
	counts := map[string]int{}
	for class, n := range r.Calibrated {
		counts[class] = int(n)
	}
	return countIncidents(counts)
}

func countIncidents(counts map[string]int) string {
	var parts []string
	for _, class := range Classes {
		if n := counts[class]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d of %s", n, ClassText(class)))
		}
	}
	if parts == nil {
		return "no incident"
	}
	return "incidents: " + strings.Join(parts, ", ")
}

// Summary counts what a section judges by.
func (s *Section) Summary() string {
	return fmt.Sprintf("%d recordings, %.4g endpoint-days, %.0f decisions, of which %.2f %% precede a failure; %s. Not judged: %d decisions within incidents and the time after them, %d incidents before which no endpoint was watched.",
		s.Sources, float64(s.Days), float64(s.Decisions), 100*float64(s.BaseRate), countIncidents(s.Incidents), s.Within, s.Unseen)
}

// Name of the section, for people.
func (s *Section) Name() string {
	if s.Group == "" {
		return "All recordings"
	}
	return strings.ToUpper(s.Group[:1]) + s.Group[1:]
}

// Column is one figure of all rows.
type Column struct {
	Head  string
	Scale float64
	More  bool // is better
	Of    func(*Row) finding.Estimate
}

// Columns are the tables that a section is told in: what who is on call meets,
// and what probabilities are worth.
func Columns() (alarms, probabilities []Column) {
	return []Column{
			{"ramps, %", 100, true, func(r *Row) finding.Estimate { return r.RampRecall }},
			{"sudden, %", 100, true, func(r *Row) finding.Estimate { return r.SuddenRecall }},
			{"precision, %", 100, true, func(r *Row) finding.Estimate { return r.AlarmPrecision }},
			{"alarms/day", 1, false, func(r *Row) finding.Estimate { return r.PerDay }},
			{"lead, s", 1, true, func(r *Row) finding.Estimate { return r.Lead }},
			{"in time, %", 100, true, func(r *Row) finding.Estimate { return r.InTime }},
		}, []Column{
			{"Brier skill", 1, true, func(r *Row) finding.Estimate { return r.Skill }},
			{"without sudden", 1, true, func(r *Row) finding.Estimate { return r.Foreseeable }},
			{"Brier, ‰", 1000, false, func(r *Row) finding.Estimate { return r.Brier }},
			{"ECE ≥ 5 %", 1, false, func(r *Row) finding.Estimate { return r.ECE }},
			{"by chance", 1, false, func(r *Row) finding.Estimate {
				return finding.Estimate{Value: r.ECEChance, Low: finding.Number(nan), High: finding.Number(nan)}
			}},
			{"ECE", 1, false, func(r *Row) finding.Estimate { return r.ECEAll }},
			{"80 % holds, %", 100, true, func(r *Row) finding.Estimate { return r.Cover }},
		}
}

// ThresholdText is a row's threshold.
func (r *Row) ThresholdText() string {
	if r.Threshold > 1 {
		return "none"
	}
	text := fmt.Sprintf("%.3g", float64(r.Threshold))
	if !r.Held {
		text += "*"
	}
	return text
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	out := &writer{w: w}
	fmt.Fprintf(out, "%s\n", wrapped(r.Protocol()))
	for i := range r.Sections {
		r.Sections[i].write(out)
	}
	return out.err
}

// writer keeps the first failure.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	if w.err == nil {
		_, w.err = w.w.Write(p)
	}
	return len(p), nil
}

func (s *Section) write(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n%s\n", strings.ToUpper(s.Name()), wrapped(s.Summary()))
	names := make([]string, len(s.Rows))
	var limits []string
	for i := range s.Rows {
		names[i] = s.Rows[i].Name
		limits = append(limits, s.Rows[i].ThresholdText())
	}
	alarms, probabilities := Columns()
	for n, columns := range [][]Column{alarms[:4], alarms[4:], probabilities} {
		g := finding.NewGrid(names)
		if n == 0 {
			g.Texts("threshold", limits)
		}
		for _, c := range columns {
			g.Estimates(c.Head, c.Scale, finding.Points, s.estimates(c))
		}
		fmt.Fprintln(w)
		g.Write(w)
	}
	ours := &s.Rows[0]
	fmt.Fprintf(w, "\n%s, lead of the ramps that it announced (a drain takes %.3g s):\n", ours.Name, float64(s.Drain))
	for _, bar := range Histogram(ours.Leads) {
		fmt.Fprintf(w, "  %-12s %4d %s\n", bar.Text(), bar.N, strings.Repeat("▇", (40*bar.N+len(ours.Leads)-1)/max(len(ours.Leads), 1)))
	}
	fmt.Fprintf(w, "\n%s, forecast and frequency:\n", ours.Name)
	for _, b := range ours.Bins {
		fmt.Fprintf(w, "  from %5.1f %%  %8.0f decisions  forecast %6.2f %%  came %6.2f %% [%.2f, %.2f]\n", 100*b.From, b.Decisions, 100*float64(b.Forecast), 100*float64(b.Observed.Value), 100*float64(b.Observed.Low), 100*float64(b.Observed.High))
	}
	fmt.Fprintf(w, "\nWhat %s loses:\n", ours.Name)
	for _, line := range ours.Losses() {
		fmt.Fprintf(w, "  %s\n", line)
	}
}

func (s *Section) estimates(c Column) []finding.Estimate {
	var out []finding.Estimate
	for i := range s.Rows {
		out = append(out, c.Of(&s.Rows[i]))
	}
	return out
}

// Losses says what was not announced, and what alarms were raised for nothing.
func (r *Row) Losses() []string {
	var lines []string
	for _, k := range r.Kinds {
		if missed := k.Incidents - k.Announced; missed > 0 {
			lines = append(lines, fmt.Sprintf("not announced: %d of %d incidents of %s (%s)", missed, k.Incidents, orNone(k.Kind), ClassText(k.Class)))
		}
	}
	for _, class := range slices.Sorted(maps.Keys(r.WrongIn)) {
		lines = append(lines, fmt.Sprintf("%.4g of %.4g wrong alarms during %s", r.WrongIn[class], float64(r.Wrong), during(class)))
	}
	if r.Censored > 0 {
		lines = append(lines, fmt.Sprintf("not known: %.0f alarms that were acted on, after which nothing failed", float64(r.Censored)))
	}
	if r.Unresolved > 0 {
		lines = append(lines, fmt.Sprintf("not known: %.0f alarms, after which nobody watched to the end of the horizon", float64(r.Unresolved)))
	}
	if lines == nil {
		return []string{"nothing that was seen"}
	}
	return lines
}

func during(class string) string {
	switch class {
	case datasets.Ramp:
		return "ramps that broke later, or did not break the limits"
	case datasets.Sudden:
		return "faults that did not break the limits"
	}
	return ClassText(class)
}

func orNone(kind string) string {
	if kind == "" {
		return "no known fault"
	}
	return kind
}

// wrapped breaks a text into lines of at most 160 letters.
func wrapped(text string) string {
	var out strings.Builder
	length := 0
	for _, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case length == 0:
		case length+1+n > 160:
			out.WriteString("\n")
			length = 0
		default:
			out.WriteString(" ")
			length++
		}
		out.WriteString(word)
		length += n
	}
	return out.String()
}
