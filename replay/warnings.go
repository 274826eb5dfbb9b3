package replay

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay/ope"
)

// The doubts that a table names.
const (
	farMoved   = 0.5     // of the traffic moved from where it was recorded
	farSample  = 1.0 / 3 // effective part of the sample: its inverse is how many times the recorded load of its endpoint a request meets
	farUnseen  = 0.05    // of the weight on endpoints that showed nothing
	farMean    = 0.1     // of the mean importance weight from 1
	steady     = 0.05    // standard deviation of a share, relative to it
	steadyTwin = 2       // variance of a share over that of fair draws
)

// warnings collects every doubt about the table: the caller's first.
func (t *Trace) warnings(table *Table) []string {
	warnings := slices.Clone(t.cfg.Notes)
	add := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	for _, series := range t.missing {
		add("the schema has no %s: %s", series, withoutSeries[series])
	}
	for _, service := range t.Services() {
		if slices.Contains(t.cfg.Unidentified, service) || t.steady(service) {
			add("%s: load effect not identifiable: the shares of its endpoints never varied, so moving traffic has no recorded precedent", service)
		}
	}
	warnings = append(warnings, table.fewBlocks()...)
	if t.simulated != nil {
		warnings = append(warnings, t.simulated.Warnings...)
	}
	for i := range table.Sections {
		s := &table.Sections[i]
		if s.Service == "" {
			continue
		}
		for _, row := range s.Rows {
			warnings = append(warnings, row.doubts(s.Service)...)
		}
	}
	for i := range table.Requests {
		if s := &table.Requests[i]; s.Service != "" {
			warnings = append(warnings, s.doubts()...)
		}
	}
	return warnings
}

// fewBlocks says once for all sections alike that they are short.
func (t *Table) fewBlocks() []string {
	sections := map[int][]string{}
	for _, s := range t.Sections {
		sections[s.Blocks] = append(sections[s.Blocks], title(s.Service))
	}
	for _, s := range t.Requests {
		if s.Requests > 0 {
			sections[s.Blocks] = append(sections[s.Blocks], "the request log of "+title(s.Service))
		}
	}
	var out []string
	block := time.Duration(t.Block * float64(time.Second))
	for _, n := range slices.Sorted(maps.Keys(sections)) {
		var what string
		switch {
		case n < ope.MinBlocks:
			what = "too few for an interval; judge a longer part"
		case !ope.Conclusive(n, t.Level):
			what = "intervals are rough, and too few to call any difference significant; judge a longer part"
		case n < ope.FewBlocks:
			what = fmt.Sprintf("intervals are rough below %d", ope.FewBlocks)
		default:
			continue
		}
		out = append(out, fmt.Sprintf("%d blocks of %v: %s (%s)", n, block, what, strings.Join(sections[n], ", ")))
	}
	return out
}

// withoutSeries says what follows when the schema lacks a series.
var withoutSeries = map[string]string{
	mesh.RequestRate: "windows weigh the same, and the recorded shares are unknown",
	mesh.ErrorRatio:  "failures are not seen",
	mesh.LatencyMean: "only endpoints that are down have a cost",
	mesh.LatencyP99:  "the tail is unknown",
}

// doubts are about a policy that goes where the recording did not.
func (r *Row) doubts(service string) []string {
	if r.Policy == AsRecorded || r.Policy == HindsightBest {
		return nil
	}
	var out []string
	if r.far() {
		out = append(out, fmt.Sprintf("%s: %s moves %.0f %% of the requests from where they were recorded (effective sample %.0f %%): a request meets %.1f times the recorded load of its endpoint on average, and what that would do is not in its figures",
			service, r.Policy, 100*r.Moved, 100*r.SampleRatio, 1/r.SampleRatio))
	}
	if r.Unseen > farUnseen {
		out = append(out, fmt.Sprintf("%s: %s puts %.0f %% of its weight on endpoints that showed nothing: they are taken to be as last seen, or like their peers",
			service, r.Policy, 100*r.Unseen))
	}
	return out
}

func (s *RequestSection) doubts() []string {
	name := title(s.Service)
	if s.Requests == 0 {
		if s.Unknown == 0 {
			return []string{fmt.Sprintf("%s: the request log has no request in the judged time: no value", name)}
		}
		return []string{fmt.Sprintf("%s: none of %d logged requests has a propensity, and none is invented: the request log gives no value", name, s.Unknown)}
	}
	var out []string
	if s.Unknown > 0 {
		out = append(out, fmt.Sprintf("%s: %d logged requests have no propensity and are not used; %d have one", name, s.Unknown, s.Requests))
	}
	if s.Strangers > 0 {
		out = append(out, fmt.Sprintf("%s: %d of %d logged requests went to endpoints that the metrics do not name", name, s.Strangers, s.Requests))
	}
	for i := range s.Rows {
		out = append(out, s.Rows[i].doubts(name)...)
	}
	return out
}

func (r *RequestRow) doubts(service string) []string {
	var out []string
	if r.Refused != "" {
		out = append(out, fmt.Sprintf("%s: request log, %s: refused: %s", service, r.Policy, r.Refused))
	}
	if math.IsNaN(float64(r.Cost.Value)) {
		return out
	}
	if math.Abs(float64(r.MeanWeight)-1) > farMean {
		out = append(out, fmt.Sprintf("%s: request log, %s: importance weights average %.2f ± %.2f, not 1: by chance, or the propensities are wrong, or the policy goes where the log never does", service, r.Policy, r.MeanWeight, r.MeanWeightError))
	}
	if r.Unpredicted > 0 {
		out = append(out, fmt.Sprintf("%s: request log, %s: %d requests came before any metric: DM and the doubly robust estimators do without them", service, r.Policy, r.Unpredicted))
	}
	return out
}

// steady reports whether the shares of a service never varied beyond what
// fair draws with fixed weights would show.
func (t *Trace) steady(service string) bool {
	shares := map[string][]float64{}
	requests, n := 0.0, 0.0
	for _, w := range t.Windows {
		if w.Service != service || w.Shares == nil {
			continue
		}
		requests += w.Requests
		n++
		for i, s := range w.Shares {
			shares[w.Endpoints[i].Name] = append(shares[w.Endpoints[i].Name], s)
		}
	}
	if n < 2 {
		return false
	}
	for _, s := range shares {
		mean, variance := moments(s)
		fair := steadyTwin * mean * (1 - mean) * n / requests
		if variance > fair && variance > steady*steady*mean*mean {
			return false
		}
	}
	return true
}

func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, variance
}

// title names a section.
func title(service string) string {
	if service == "" {
		return "all services"
	}
	return service
}

// lacking are the series that a schema has no query for.
func lacking(s *mesh.Schema) []string {
	var out []string
	for _, series := range []string{mesh.RequestRate, mesh.LatencyMean, mesh.LatencyP99, mesh.ErrorRatio} {
		if s.Index(series) < 0 {
			out = append(out, series)
		}
	}
	return out
}
