package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/replay/finding"
)

func (v *view) recorded(r *Report, p *painter) {
	t := r.Table
	var services []string
	for _, s := range t.Sections {
		if s.Service != "" {
			services = append(services, s.Service)
		}
	}
	v.What = fmt.Sprintf("What policies would have been worth on the recording %s, of %s (%s), judged from %s to %s UTC.", t.Recording,
		count(len(services), "service", "services"), strings.Join(services, ", "), clockText(t.From), clockText(t.To))
	v.Label, v.LabelText = t.Label+".", "An endpoint is taken to answer as it was recorded to, whatever weight it gets."
	v.verdicts(t.Verdicts, t.Recording)
	v.Warnings = append(v.Warnings, t.Warnings...)
	v.Method = append(v.Method,
		term{"Reference", t.Reference + ". All changes are from it; ~ means that no significant one was seen."},
		term{"Decisions", fmt.Sprintf("Every %gs, each judged by the %gs after it.", t.Step, t.Horizon)},
		term{"Intervals", fmt.Sprintf("%g %%: block bootstrap over time (Carlstein, Annals of Statistics 1986), blocks of %gs, %d resamples, seed %d; differences from the same blocks of both.", 100*t.Level, t.Block, t.Resamples, t.Seed)},
		term{"Correction", "None: each interval stands for itself."},
		term{"Rows that are no policy", fmt.Sprintf("%q are the shares that the recording shows; %q is all on the endpoint that turned out cheapest in each window, which nobody can know.", replay.AsRecorded, replay.HindsightBest)})
	if len(t.Verdicts) > 0 {
		v.Method = append(v.Method, term{"Margins", percents(t.Verdicts[0].Margins)})
	}
	for _, s := range t.LeftOut {
		v.Method = append(v.Method, term{"Left out", s.Service + ": " + s.Why})
	}
	for i := range t.Sections {
		v.Sections = append(v.Sections, recordedSection(r, &t.Sections[i], p))
	}
	for i := range t.Requests {
		v.Sections = append(v.Sections, requestSection(t, &t.Requests[i]))
	}
	if t.Simulated != nil {
		v.fitted(t.Simulated, p)
	}
}

func clockText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func title(service string) string {
	if service == "" {
		return "All services"
	}
	return service
}

func recordedSection(r *Report, s *replay.Section, p *painter) section {
	out := section{Name: title(s.Service)}
	text := fmt.Sprintf("%d endpoints, %d windows, %.0f requests in overlapping horizons, %d blocks.", s.Endpoints, s.Windows, s.Requests, s.Blocks)
	if s.Service != "" {
		text += fmt.Sprintf(" A failure costs %gs.", s.FailureCost)
	}
	out.Texts = []string{text}
	worth, ways := table{About: "What each was worth"}, table{About: "How each goes about it"}
	var names, origins []string
	for _, row := range s.Rows {
		names, origins = append(names, row.Policy), append(origins, origin(&row))
		named := tableRow{Name: row.Policy, Reference: row.Policy == r.Table.Reference}
		worth.Rows, ways.Rows = append(worth.Rows, named), append(ways.Rows, named)
	}
	cost, p99 := pick(s.Rows, func(r *replay.Row) finding.Estimate { return r.Cost }), pick(s.Rows, func(r *replay.Row) finding.Estimate { return r.P99 })
	worth.estimates("cost ms", 1e3, finding.Relative, cost, false)
	worth.estimates("window p99 ms", 1e3, finding.Relative, p99, false)
	worth.estimates("errors %", 1e2, finding.Points, pick(s.Rows, func(r *replay.Row) finding.Estimate { return r.Errors }), false)
	worth.estimates("agreement %", 1e2, finding.Points, pick(s.Rows, func(r *replay.Row) finding.Estimate { return r.Agreement }), true)
	ways.numbers("regret ms", 1e3, pick(s.Rows, func(r *replay.Row) finding.Number { return r.Regret }))
	ways.numbers("turnover %/min", 1e2, pick(s.Rows, func(r *replay.Row) finding.Number { return r.Turnover }))
	ways.numbers("moved %", 1e2, pick(s.Rows, func(r *replay.Row) finding.Number { return r.Moved }))
	ways.numbers("sample %", 1e2, pick(s.Rows, func(r *replay.Row) finding.Number { return r.SampleRatio }))
	ways.numbers("unseen %", 1e2, pick(s.Rows, func(r *replay.Row) finding.Number { return r.Unseen }))
	ways.texts("weights from", origins)
	out.Tables = []table{worth, ways}

	costs := &chart{title: "Cost", about: "The cost of a request, with its interval.", x: axis{label: "ms"}}
	costs.intervals("cost", 0, 1, 1e3, names, cost)
	p.add(costs)
	if s.Curves != nil {
		historyCharts(r, s, p)
	}
	out.Pictures = p.taken()
	return out
}

// origin says who set the weights, and why not somebody else.
func origin(r *replay.Row) string {
	text := counts(r.Sources)
	if len(r.Reasons) > 0 {
		text += " (" + counts(r.Reasons) + ")"
	}
	return text
}

func counts(of map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, of[name]))
	}
	return strings.Join(parts, ", ")
}

// historyCharts show the rows over time.
func historyCharts(r *Report, s *replay.Section, p *painter) {
	c := s.Curves
	x := make([]float64, len(c.Start))
	for i, t := range c.Start {
		x[i] = t.Sub(c.Start[0]).Minutes()
	}
	var marked []mark
	var faulty []string
	for _, f := range r.Faults {
		if f.Service == s.Service {
			marked = append(marked, mark{f.Start.Sub(c.Start[0]).Minutes(), f.End.Sub(c.Start[0]).Minutes()})
			faulty = append(faulty, f.Endpoint)
		}
	}
	minutes := axis{label: "minutes since " + clockText(c.Start[0]) + " UTC"}
	cost := &chart{title: "Cost over time", about: "The expected cost of a request; the reading above applies.", x: minutes, y: axis{label: "cost", log: true}, marks: marked}
	for i, row := range c.Rows {
		cost.lines = append(cost.lines, line{name: row.Policy, colour: i, x: x, y: row.Cost})
	}
	p.add(cost)
	for _, row := range c.Rows {
		if lines := endpointLines(c.Endpoints, faulty, x, row.Weights); lines != nil {
			p.add(&chart{title: "Weights of " + row.Policy, about: "Of each endpoint.", x: minutes, y: axis{label: "%", zero: true}, lines: lines, marks: marked})
		}
	}
}

func requestSection(t *replay.Table, s *replay.RequestSection) section {
	out := section{Name: title(s.Service) + ", from the request log"}
	out.Texts = []string{fmt.Sprintf("Self-normalised importance sampling (SNIPS), weights clipped at %g: %d requests with a propensity, %d without, %d blocks. It %s.", s.Clip, s.Requests, s.Unknown, s.Blocks, t.Label)}
	if s.Requests == 0 {
		return out
	}
	worth := table{About: "What each was worth by the log"}
	var refused []string
	for _, row := range s.Rows {
		worth.Rows = append(worth.Rows, tableRow{Name: row.Policy, Reference: row.Policy == t.Reference})
		refused = append(refused, row.Refused)
	}
	worth.estimates("cost ms", 1e3, finding.Relative, pick(s.Rows, func(r *replay.RequestRow) finding.Estimate { return r.Cost }), false)
	worth.estimates("p99 ms", 1e3, finding.Relative, pick(s.Rows, func(r *replay.RequestRow) finding.Estimate { return r.P99 }), false)
	worth.estimates("errors %", 1e2, finding.Points, pick(s.Rows, func(r *replay.RequestRow) finding.Estimate { return r.Errors }), false)
	worth.numbers("effective sample", 1, pick(s.Rows, func(r *replay.RequestRow) finding.Number { return r.SampleSize }))
	worth.numbers("clipped %", 1e2, pick(s.Rows, func(r *replay.RequestRow) finding.Number { return r.Clipped }))
	worth.numbers("mean weight", 1, pick(s.Rows, func(r *replay.RequestRow) finding.Number { return r.MeanWeight }))
	if someText(refused) {
		worth.texts("refused", refused)
	}
	out.Tables = []table{worth}
	return out
}

func pick[R, V any](rows []R, of func(*R) V) []V {
	out := make([]V, len(rows))
	for i := range rows {
		out[i] = of(&rows[i])
	}
	return out
}
