package contest

import (
	"math"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// metric is one column of the table. Less is better in every one.
type metric struct {
	name  string
	head  string  // in the text, with the unit
	scale float64 // to that unit
	kind  finding.Kind
	// ratio: strategies differ by a factor, and not by an amount.
	ratio bool
	of    func(r *sim.Result, deadline float64) float64
	in    func(*Row) *finding.Estimate
}

var metrics = [...]metric{
	{"mean", "mean ms", 1e3, finding.Latency, true,
		func(r *sim.Result, _ float64) float64 { return r.Mean }, func(r *Row) *finding.Estimate { return &r.Mean }},
	{"p50", "p50 ms", 1e3, finding.Other, true, latency(0.5), func(r *Row) *finding.Estimate { return &r.P50 }},
	{"p90", "p90 ms", 1e3, finding.Other, true, latency(0.9), func(r *Row) *finding.Estimate { return &r.P90 }},
	{"p99", "p99 ms", 1e3, finding.Latency, true, latency(0.99), func(r *Row) *finding.Estimate { return &r.P99 }},
	{"p99.9", "p99.9 ms", 1e3, finding.Other, true, latency(0.999), func(r *Row) *finding.Estimate { return &r.P999 }},
	{"failed", "failed %", 1e2, finding.Failures, false,
		func(r *sim.Result, _ float64) float64 { return float64(r.Failed) / float64(r.Requests) }, func(r *Row) *finding.Estimate { return &r.Failed }},
	{"in flight p50", "in flight p50", 1, finding.Other, false, inFlight(0.5), func(r *Row) *finding.Estimate { return &r.InFlight50 }},
	{"in flight p90", "p90", 1, finding.Other, false, inFlight(0.9), func(r *Row) *finding.Estimate { return &r.InFlight90 }},
	{"in flight p99", "p99", 1, finding.Other, false, inFlight(0.99), func(r *Row) *finding.Estimate { return &r.InFlight99 }},
	{"drain", "drain s", 1, finding.Other, false,
		func(r *sim.Result, _ float64) float64 { return seconds(r.Drain) }, func(r *Row) *finding.Estimate { return &r.Drain }},
	{"return", "return s", 1, finding.Other, false,
		func(r *sim.Result, _ float64) float64 { return seconds(r.Return) }, func(r *Row) *finding.Estimate { return &r.Return }},
	{"churn", "churn %/min", 1e2, finding.Other, false,
		func(r *sim.Result, _ float64) float64 { return r.Churn }, func(r *Row) *finding.Estimate { return &r.Churn }},
}

// latency is a quantile, in seconds. Within a cell of the histogram of the
// deadline it is the deadline, which failed requests count as: how they lie in
// that cell is no difference.
func latency(p float64) func(*sim.Result, float64) float64 {
	return func(r *sim.Result, deadline float64) float64 { return atDeadline(quantile(r.Latency, p), deadline) }
}

func atDeadline(x, deadline float64) float64 {
	if x >= deadline*(1-cell) {
		return deadline
	}
	return x
}

// cell is how wide those of sim.Histogram are, relatively.
const cell = 0.01

// inFlight is a quantile of what are whole numbers.
func inFlight(p float64) func(*sim.Result, float64) float64 {
	return func(r *sim.Result, _ float64) float64 { return math.Round(quantile(r.InFlight, p)) }
}
