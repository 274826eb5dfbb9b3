package finding

import (
	"fmt"
	"io"
	"strings"
)

// WriteVerdicts writes the verdicts for people, with the rule that gave each,
// what spoke for it, and where the candidate loses.
func WriteVerdicts(w io.Writer, verdicts []Verdict) {
	for _, v := range verdicts {
		fmt.Fprintf(w, "\nverdict   %s against %s: %s\n", v.Candidate, v.Reference, v.Answer)
		fmt.Fprintf(w, "  rule    %s\n", v.Rule)
		writeSome(w, "because", v.Because)
		var lost []string
		for _, l := range v.Loses {
			lost = append(lost, l.Text())
		}
		writeSome(w, "loses", lost)
	}
	if len(verdicts) > 0 {
		fmt.Fprintln(w)
	}
}

// few is how many lines of a list a terminal is given; JSON has all.
const few = 8

func writeSome(w io.Writer, head string, lines []string) {
	for i, line := range lines {
		if i == few {
			fmt.Fprintf(w, "          and %d more\n", len(lines)-few)
			return
		}
		fmt.Fprintf(w, "  %-7s %s\n", head, line)
		head = strings.Repeat(" ", len(head))
	}
}

// Text says what is lost, where and by how much.
func (l *Loss) Text() string {
	if !l.Change.Relative {
		return fmt.Sprintf("%s: %s %.3g instead of %.3g", l.Where, l.Metric, float64(l.Value), float64(l.Reference))
	}
	e := Estimate{Value: l.Value, Change: &l.Change}
	return l.Where + ": " + l.Metric + " " + e.relativeText()
}
