package model

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// WriteText writes what a person wants to know of m: what it answers, for
// whom, where it comes from and what was measured. m must be valid.
func (m *Model) WriteText(w io.Writer) error {
	var b bytes.Buffer
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	version := "not published"
	if m.Version > 0 {
		version = fmt.Sprintf("version %d", m.Version)
	}
	line("model", "%s, %s, made %s", orUnknown(m.Name), version, moment(m.Created))
	line("schema", "%s (%d series, hash %s)", m.Schema.Name, len(m.Schema.Series), m.Schema.Hash())
	t, o := m.Timing, m.Objective
	line("timing", "every %v from the last %v, %v late; looks %v ahead", t.Step, t.Range, t.Delay, t.Horizon)
	line("objective", "deadline %v, p%g, error cost %g", o.Deadline, 100*o.Percentile, o.ErrorCost)
	if n := m.Routing; n != nil {
		line("routing", "%s, %s, %s", n.Kind, shape(n.Layers), count(len(n.Columns), "column"))
		if len(n.Members) > 0 {
			who := "the first"
			if n.Mean {
				who = "their mean"
			}
			line("", "an ensemble of %d such networks: %s answers", 1+len(n.Members), who)
		}
		if d := n.Doubt; d != nil {
			line("doubt", "%s", d)
		}
		if len(n.Routes) > 0 {
			line("", "routes %s", strings.Join(n.Routes, ", "))
		}
	}
	if h := m.Failure; h != nil {
		line("failure", "%s, %s to %v, base rate %.3g, calibrated on %s", shape(h.Layers), count(len(h.Bins), "bin"), h.Bins[len(h.Bins)-1], h.BaseRate, count(len(h.Calibration.X), "knot"))
		for _, c := range h.Classes {
			line("", "from %g requests in a window on: calibrated on %s", c.Requests, count(len(c.Calibration.X), "knot"))
		}
	}
	m.Card.writeText(line)
	_, err := w.Write(b.Bytes())
	return err
}

func (c *Card) writeText(line func(name, format string, args ...any)) {
	line("made by", "%s, seed %d", orUnknown(c.MadeBy), c.Seed)
	for _, r := range c.Recordings {
		line("recording", "%s", r.Path)
		line("", "%s to %s (%v): %s", moment(r.Start), moment(r.End), r.End.Sub(r.Start).Round(time.Second), strings.Join(r.Services, ", "))
		line("", "sha256 %s", r.SHA256)
		line("", "%s", r.parts())
	}
	for _, service := range slices.Sorted(maps.Keys(c.Levels)) {
		for _, endpoint := range slices.Sorted(maps.Keys(c.Levels[service])) {
			l := c.Levels[service][endpoint]
			line("level", "%s/%s: %.4g s, capacity %.4g rps, %s", service, endpoint, l.LatencySeconds, l.CapacityRPS, count(l.Windows, "window"))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Figures)) {
		line("figure", "%-32s %.6g", name, c.Figures[name])
	}
	for _, service := range c.Unidentified {
		line("note", "%s: load effect not identifiable, its load never varied", service)
	}
	for _, note := range c.Notes {
		line("note", "%s", note)
	}
}

// parts says what the recording's time was used for.
func (r *Provenance) parts() string {
	s := r.Split
	var parts []string
	if s.TrainEnd.After(r.Start) {
		parts = append(parts, "train to "+moment(earlier(s.TrainEnd, r.End)))
	}
	if s.ValidationEnd.After(s.ValidationStart) {
		parts = append(parts, "validation "+moment(s.ValidationStart)+" to "+moment(earlier(s.ValidationEnd, r.End)))
	}
	if s.TestStart.Before(r.End) {
		parts = append(parts, "test from "+moment(s.TestStart))
	}
	return strings.Join(parts, ", ")
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// shape is such as "2 → 8 → 1 (33 parameters)".
func shape(layers []Layer) string {
	var b strings.Builder
	n := 0
	fmt.Fprint(&b, layers[0].In)
	for _, l := range layers {
		fmt.Fprintf(&b, " → %d", l.Out)
		n += (l.In + 1) * l.Out
	}
	return fmt.Sprintf("%s (%d parameters)", b.String(), n)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
