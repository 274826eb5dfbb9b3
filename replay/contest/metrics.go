package contest

import (
	"math"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// Metric is one column of the table. Less is better in every one.
type Metric struct {
	Name  string
	Head  string  // with the unit
	Scale float64 // to that unit
	Kind  finding.Kind
	// Ratio: strategies differ by a factor, and not by an amount.
	Ratio bool
	// In is the metric's place in a row.
	In func(*Row) *finding.Estimate

	of func(r *sim.Result, deadline float64) float64
}

// Metrics are all columns, in order: latencies, what fails and waits, how the
// weights move.
var Metrics = [...]Metric{
	{"mean", "mean ms", 1e3, finding.Latency, true,
		func(r *Row) *finding.Estimate { return &r.Mean }, func(r *sim.Result, _ float64) float64 { return r.Mean }},
	{"p50", "p50 ms", 1e3, finding.Other, true, func(r *Row) *finding.Estimate { return &r.P50 }, latency(0.5)},
	{"p90", "p90 ms", 1e3, finding.Other, true, func(r *Row) *finding.Estimate { return &r.P90 }, latency(0.9)},
	{"p99", "p99 ms", 1e3, finding.Latency, true, func(r *Row) *finding.Estimate { return &r.P99 }, latency(0.99)},
	{"p99.9", "p99.9 ms", 1e3, finding.Other, true, func(r *Row) *finding.Estimate { return &r.P999 }, latency(0.999)},
	{"failed", "failed %", 1e2, finding.Failures, false,
		func(r *Row) *finding.Estimate { return &r.Failed }, func(r *sim.Result, _ float64) float64 { return float64(r.Failed) / float64(r.Requests) }},
	{"in flight p50", "in flight p50", 1, finding.Other, false, func(r *Row) *finding.Estimate { return &r.InFlight50 }, inFlight(0.5)},
	{"in flight p90", "in flight p90", 1, finding.Other, false, func(r *Row) *finding.Estimate { return &r.InFlight90 }, inFlight(0.9)},
	{"in flight p99", "in flight p99", 1, finding.Other, false, func(r *Row) *finding.Estimate { return &r.InFlight99 }, inFlight(0.99)},
	{"drain", "drain s", 1, finding.Other, false,
		func(r *Row) *finding.Estimate { return &r.Drain }, func(r *sim.Result, _ float64) float64 { return seconds(r.Drain) }},
	{"return", "return s", 1, finding.Other, false,
		func(r *Row) *finding.Estimate { return &r.Return }, func(r *sim.Result, _ float64) float64 { return seconds(r.Return) }},
	{"churn", "churn %/min", 1e2, finding.Other, false,
		func(r *Row) *finding.Estimate { return &r.Churn }, func(r *sim.Result, _ float64) float64 { return r.Churn }},
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
