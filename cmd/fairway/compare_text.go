package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/fairway-mesh/fairway/replay/finding"
)

// write writes the table.
func (r *fleetResult) write(w io.Writer) error {
	out := &output{Writer: w}
	fmt.Fprintf(out, "%s\n\n", r.title())
	var names []string
	column := func(of func(*compareRow) finding.Estimate) (all []finding.Estimate) {
		for i := range r.rows {
			all = append(all, of(&r.rows[i]))
		}
		return all
	}
	for _, row := range r.rows {
		names = append(names, row.policy.title)
	}
	g := finding.NewGrid(names)
	none := func(finding.Estimate, float64) string { return "" }
	g.Estimates("p50 ms", 1e3, none, column(func(r *compareRow) finding.Estimate { return r.p50 }))
	g.Estimates("p90 ms", 1e3, none, column(func(r *compareRow) finding.Estimate { return r.p90 }))
	g.Estimates("p99 ms", 1e3, none, column(func(r *compareRow) finding.Estimate { return r.p99 }))
	g.Estimates("errors a block", 1, none, column(func(r *compareRow) finding.Estimate { return r.errors }))
	g.Estimates("errors %", 1e2, none, column(func(r *compareRow) finding.Estimate { return r.ratio }))
	g.Estimates("turnover %/min", 1e2, none, column(func(r *compareRow) finding.Estimate { return r.turnover }))
	g.Write(out)
	fmt.Fprintln(out)
	for _, v := range r.verdicts {
		fmt.Fprintf(out, "%s: %s: %s\n", v.policy.name, v.word(), v.text)
	}
	for _, d := range r.disturbed {
		fmt.Fprintf(out, "disturbed: %s\n", d)
	}
	return out.err
}

// title says how large the fleet is.
func (r *fleetResult) title() string {
	if r.proxies == 1 {
		return fmt.Sprintf("1 proxy, %d blocks", r.blocks)
	}
	return fmt.Sprintf("%d proxies, %d blocks", r.proxies, r.blocks)
}

// word is the verdict in one.
func (v fleetVerdict) word() string {
	if v.wins {
		return "yes"
	}
	return "no"
}

// The figures of the last line.
type (
	fleetFigures struct {
		Seed    uint64          `json:"seed"`
		Load    float64         `json:"load"`
		Rate    float64         `json:"requests_per_second"`
		Blocks  int             `json:"blocks"`
		BlockS  float64         `json:"block_s"`
		SettleS float64         `json:"settle_s"`
		Fleets  []resultFigures `json:"fleets"`
	}
	resultFigures struct {
		Proxies   int               `json:"proxies"`
		Blocks    int               `json:"blocks"`
		Disturbed int               `json:"disturbed_turns"`
		Policies  []policyFigures   `json:"policies"`
		Verdicts  map[string]bool   `json:"verdicts"`
		Because   map[string]string `json:"because"`
	}
	policyFigures struct {
		Policy      string            `json:"policy"`
		Requests    int               `json:"requests"`
		P50         finding.Number    `json:"p50_ms"`
		P50Range    [2]finding.Number `json:"p50_ms_interval"`
		P90         finding.Number    `json:"p90_ms"`
		P90Range    [2]finding.Number `json:"p90_ms_interval"`
		P99         finding.Number    `json:"p99_ms"`
		P99Range    [2]finding.Number `json:"p99_ms_interval"`
		Errors      int               `json:"errors"`
		ErrorsRange [2]finding.Number `json:"errors_per_block_interval"`
		ErrorRatio  finding.Number    `json:"error_ratio"`
		RatioRange  [2]finding.Number `json:"error_ratio_interval"`
		Turnover    finding.Number    `json:"turnover_per_minute"`
		SentP99     float64           `json:"worst_send_delay_p99_ms"`
		LateP99     float64           `json:"worst_lateness_p99_ms"`
		P99s        []finding.Number  `json:"p99_ms_by_block"`
		Failed      []int             `json:"errors_by_block"`
	}
)

func (r *fleetResult) figures() resultFigures {
	f := resultFigures{Proxies: r.proxies, Blocks: r.blocks, Disturbed: len(r.disturbed), Verdicts: map[string]bool{}, Because: map[string]string{}}
	bounds := func(e finding.Estimate, scale float64) [2]finding.Number {
		return [2]finding.Number{finding.Number(scale) * e.Low, finding.Number(scale) * e.High}
	}
	for i, row := range r.rows {
		p := policyFigures{
			Policy: row.policy.name, Requests: row.requests,
			P50: 1e3 * row.p50.Value, P50Range: bounds(row.p50, 1e3),
			P90: 1e3 * row.p90.Value, P90Range: bounds(row.p90, 1e3),
			P99: 1e3 * row.p99.Value, P99Range: bounds(row.p99, 1e3),
			ErrorsRange: bounds(row.errors, 1), ErrorRatio: row.ratio.Value, RatioRange: bounds(row.ratio, 1),
			Turnover: row.turnover.Value,
		}
		for _, t := range r.turns[i] {
			p.Errors += t.failed
			p.Failed = append(p.Failed, t.failed)
			p.P99s = append(p.P99s, finding.Number(1e3*percentile(t.took, 99)))
			p.SentP99 = math.Max(p.SentP99, 1e3*t.sent.Seconds())
			p.LateP99 = math.Max(p.LateP99, 1e3*t.late.Seconds())
		}
		f.Policies = append(f.Policies, p)
	}
	for _, v := range r.verdicts {
		f.Verdicts[v.policy.name], f.Because[v.policy.name] = v.wins, v.text
	}
	return f
}

// writeFigures writes the last line.
func writeFigures(w io.Writer, f fleetFigures) error { return json.NewEncoder(w).Encode(f) }
