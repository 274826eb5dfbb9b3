package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// writeSeries lists what the schema asks for and how much of it there is.
func writeSeries(out io.Writer, schema *mesh.Schema, missing []prom.Missing, blind map[string]string, s *seen) {
	fmt.Fprintln(out, "\nseries")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for j, series := range schema.Series {
		fmt.Fprintf(t, "  %s\t%s\t%d values%s\n", series.Name, series.Unit, s.values[j], remark(&series, s.values[j], missing, blind[series.Name]))
	}
	t.Flush()
}

// inVain are the series that the schema asks for and nothing was found of: no
// value, or, where nobody looked for values (nil), no labels.
func inVain(schema *mesh.Schema, r *prom.Recognition, values []int) []mesh.Lack {
	fit := fitOf(schema, r)
	var absent []mesh.Lack
	for j, series := range schema.Series {
		told := false
		for _, s := range fit.Services {
			told = told || s.Series[series.Name] > 0
		}
		if values != nil && values[j] > 0 || values == nil && told {
			continue
		}
		why := fit.Blind[series.Name]
		var lacking []string
		for _, m := range fit.Missing {
			if m.Series == series.Name {
				lacking = append(lacking, m.Metric)
			}
		}
		if len(lacking) > 0 {
			why = "there is no " + strings.Join(lacking, ", no ")
		}
		if why == "" {
			why = "its metrics exist, but never have a value"
		}
		absent = append(absent, mesh.Lack{Name: series.Name, Why: why, Needs: series.Needs})
	}
	return absent
}

// writeMissing says what the schema cannot tell, beside what it asked for in
// vain.
func writeMissing(out io.Writer, schema *mesh.Schema, absent []mesh.Lack) {
	lacks := slices.Concat(absent, schema.Lacks)
	var silent []string
	for _, name := range mesh.Canonical {
		if schema.Index(name) < 0 && !slices.ContainsFunc(lacks, func(l mesh.Lack) bool { return l.Name == name }) {
			silent = append(silent, name)
		}
	}
	if len(lacks)+len(silent) == 0 {
		return
	}
	fmt.Fprintln(out, "\nmissing")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, l := range lacks {
		fmt.Fprintf(t, "  %s\t%s\n", l.Name, l.Why)
		last := i+1 == len(lacks) || lacks[i+1].Needs != l.Needs
		if l.Needs != "" && last { // what several need is said once
			fmt.Fprintf(t, "\tneeds %s\n", l.Needs)
		}
	}
	t.Flush()
	if len(silent) > 0 {
		fmt.Fprintf(out, "  not in the schema, so that the features made of it are unknown: %s\n", strings.Join(silent, ", "))
	}
}

// fitOf is what was found of a schema that was tried.
func fitOf(schema *mesh.Schema, r *prom.Recognition) *prom.Fit {
	return r.Fits[slices.IndexFunc(r.Fits, func(f *prom.Fit) bool { return f.Schema.Name == schema.Name })]
}

// remark says why a series may have fewer values than it could; blind is why no
// endpoint has it, where that is known.
func remark(series *mesh.Series, values int, missing []prom.Missing, blind string) string {
	text := ""
	for _, m := range missing {
		if m.Series != series.Name {
			continue
		}
		text += "; no metric " + m.Metric
		if len(m.Suggestions) > 0 {
			text += ", but " + strings.Join(m.Suggestions, ", ")
		}
	}
	switch {
	case text == "" && values == 0 && blind != "":
		return "; " + blind
	case text == "" && values == 0 && strings.Contains(series.Query, "rate("):
		return "; its metrics exist, its query finds nothing: a rate needs two scrapes within the schema's range"
	case text == "" && values == 0:
		return "; its metrics exist, but never have a value"
	}
	return text
}
