package report

import (
	"fmt"

	"github.com/fairway-mesh/fairway/replay/fit"
	"github.com/fairway-mesh/fairway/replay/fitted"
)

// fitted shows what the policies did in a mesh that was fitted to the recording.
func (v *view) fitted(r *fitted.Result, p *painter) {
	v.Method = append(v.Method, term{"Simulation", fmt.Sprintf("%s: a mesh is fitted to each service and to the whole recording; what arrives is of the judged part alone; %s. A mesh counts as like the recorded one when it comes, under the recorded shares, within 15 %% of its mean, median and utilization, 20 %% of its p90, 30 %% of its p99 and 2 points of its errors, or nearer than twice what its runs differ by.", r.Label, count(r.Proxies, "proxy sends it", "proxies send it"))})
	if r.Reference != "" {
		v.Method = append(v.Method,
			term{"Simulated intervals", fmt.Sprintf("%g %%: %s; %s; %s. Every policy meets the same seeds.", 100*r.Level, r.Interval, r.Test, r.Correction)},
			term{"What the simulation has a say in", "A service whose mesh fits is a place of the verdicts like any other. One whose mesh does not says so among the reasons and decides nothing."},
			term{"Why not the log alone", "A request log replayed under another policy errs by more than it tells. In CausalSim's setting, each policy left out in turn, the processing time of a request is off by 147 % in a plain replay, by 51 % when it is learned from the log, and by 4 % when the slowness of the endpoints is told apart from the work of the requests: docs/counterfactual.md."})
	}
	for i := range r.Services {
		s := &r.Services[i]
		if s.Comparison == nil {
			v.Sections = append(v.Sections, section{Name: s.Service + ", simulated", Texts: []string{"Left out: " + s.LeftOut + "."}})
			continue
		}
		out := comparison(s.Comparison, r.Reference, p)
		out.Name = s.Service + ", simulated"
		texts := []string{r.Label + ". Is the fitted mesh like the recorded one? " + s.Fit.Report.Verdict + "."}
		out.Texts = append(texts, out.Texts...)
		out.Tables = append(out.Tables, parameters(s.Fit), likeness(s.Fit))
		for _, why := range s.Fit.Report.Why {
			out.Notes = append(out.Notes, "the fit: "+why)
		}
		v.Sections = append(v.Sections, out)
	}
}

// parameters shows what each endpoint was found to be.
func parameters(f *fit.Fit) table {
	t := table{About: "The fitted endpoints, with standard errors", Rows: endpointRows(f)}
	for _, head := range []struct {
		name string
		text func(*fit.Endpoint) string
	}{
		{"workers", func(e *fit.Endpoint) string { return e.Workers.Text(1) }},
		{"service ms", func(e *fit.Endpoint) string { return e.Service.Text(1e3) }},
		{"capacity 1/s", func(e *fit.Endpoint) string { return e.Capacity.Text(1) }},
		{"errors %", func(e *fit.Endpoint) string { return e.Errors.Text(1e2) }},
		{"samples", func(e *fit.Endpoint) string { return fmt.Sprint(e.Samples) }},
		{"events", func(e *fit.Endpoint) string { return fmt.Sprint(e.Events) }},
	} {
		var texts []string
		for i := range f.Endpoints {
			texts = append(texts, head.text(&f.Endpoints[i]))
		}
		t.texts(head.name, texts)
	}
	return t
}

func endpointRows(f *fit.Fit) (rows []tableRow) {
	for _, e := range f.Endpoints {
		rows = append(rows, tableRow{Name: e.Name})
	}
	return rows
}

// likeness shows what was recorded beside what the fitted mesh did.
func likeness(f *fit.Fit) table {
	t := table{About: "Recorded → fitted, and how far single runs are from that"}
	t.Rows = append([]tableRow{{Name: "all"}}, endpointRows(f)...)
	compared := append([]fit.Comparison{f.Report.All}, f.Report.Endpoints...)
	for _, m := range []struct {
		head  string
		scale float64
		of    func(*fit.Measured) float64
	}{
		{"mean ms", 1e3, func(m *fit.Measured) float64 { return m.Mean }},
		{"p50 ms", 1e3, func(m *fit.Measured) float64 { return m.P50 }},
		{"p90 ms", 1e3, func(m *fit.Measured) float64 { return m.P90 }},
		{"p99 ms", 1e3, func(m *fit.Measured) float64 { return m.P99 }},
		{"errors %", 1e2, func(m *fit.Measured) float64 { return m.ErrorRatio }},
		{"utilization %", 1e2, func(m *fit.Measured) float64 { return m.Utilization }},
	} {
		var texts []string
		for i := range compared {
			c := &compared[i]
			texts = append(texts, fmt.Sprintf("%.4g → %.4g ± %.2g", m.scale*m.of(&c.Recorded), m.scale*m.of(&c.Fitted), m.scale*m.of(&c.Spread)))
		}
		t.texts(m.head, texts)
	}
	return t
}
