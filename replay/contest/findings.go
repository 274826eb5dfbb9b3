package contest

import (
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/finding"
)

// Findings are what a contest comes to. They marshal to JSON, where an unknown
// number is null; the curves are for pictures and are not in it.
type Findings struct {
	// Interval, Test and Correction say how the numbers were made.
	Interval   string  `json:"interval"`
	Test       string  `json:"test"`
	Correction string  `json:"correction"`
	Level      float64 `json:"level"`
	Reference  string  `json:"reference"`
	// Comparisons has one table for each scenario.
	Comparisons []Comparison `json:"comparisons"`
	// Verdicts has one for each strategy but the reference, over all scenarios.
	Verdicts []finding.Verdict `json:"verdicts,omitempty"`
	Warnings []string          `json:"warnings,omitempty"`
}

// Comparison is the table of one scenario. Latencies and times are in seconds
// and ratios from 0 to 1; a figure is the mean over the seeds.
type Comparison struct {
	Scenario string `json:"scenario"`
	About    string `json:"about,omitempty"`
	Source   string `json:"source,omitempty"`
	// Seeds are FirstSeed and those that follow, the same for all rows.
	FirstSeed uint64  `json:"first_seed"`
	Seeds     int     `json:"seeds"`
	WarmUp    float64 `json:"warm_up_seconds"`
	Duration  float64 `json:"duration_seconds"`
	Deadline  float64 `json:"deadline_seconds"` // what a failed request counts as
	Rows      []Row   `json:"rows"`
	// Notes say where figures tie.
	Notes []string `json:"notes,omitempty"`

	// Faults are those of the first seed; times count from the start.
	Faults []Fault `json:"-"`
}

// Fault is when something was wrong with an endpoint, as a picture marks it.
type Fault struct {
	Endpoint, Kind string
	Start, End     time.Duration
}

// Row is one strategy.
type Row struct {
	Strategy   string           `json:"strategy"`
	Requests   finding.Number   `json:"requests"` // that count, of a seed
	Mean       finding.Estimate `json:"mean_seconds"`
	P50        finding.Estimate `json:"p50_seconds"`
	P90        finding.Estimate `json:"p90_seconds"`
	P99        finding.Estimate `json:"p99_seconds"`
	P999       finding.Estimate `json:"p999_seconds"`
	Failed     finding.Estimate `json:"failed_ratio"`
	InFlight50 finding.Estimate `json:"in_flight_p50"` // of an endpoint, at arrivals
	InFlight90 finding.Estimate `json:"in_flight_p90"`
	InFlight99 finding.Estimate `json:"in_flight_p99"`
	Drain      finding.Estimate `json:"drain_seconds"`
	Return     finding.Estimate `json:"return_seconds"`
	Churn      finding.Estimate `json:"churn_per_minute"` // total variation of the weights
	// Of so many faults in all seeds the endpoint was not drained, or did not
	// come back; they count with the time that was left.
	NotDrained  int `json:"not_drained"`
	ToDrain     int `json:"to_drain"`
	NotReturned int `json:"not_returned"`
	ToReturn    int `json:"to_return"`
	// Declined counts the slow loop's decisions that fell back, by reason, of
	// all seeds.
	Declined map[string]int `json:"declined,omitempty"`
	Probes   finding.Number `json:"probes_per_request"`

	// BySeed has the figures of each metric by its name, seed by seed.
	BySeed map[string][]float64 `json:"-"`
	Curves Curves               `json:"-"`
}

// Curves are what a row's pictures show.
type Curves struct {
	// Latency has the latency in seconds below which each of Parts of the
	// requests is: the middle of the seeds, and the least and the most of them.
	Latency, LatencyLow, LatencyHigh []float64
	// Mean and P99 are latencies over time, in seconds: the middle of the seeds
	// at each of Start; NaN where nothing arrived.
	Start     []time.Duration
	Mean, P99 []float64
	// Shares are where the first seed's requests went, slot by slot, and
	// Weights what the slow loop said; a slot is nil where there is none.
	Endpoints       []string
	Shares, Weights [][]float64
}

func (c *contest) findings() *Findings {
	out := &Findings{Interval: intervalText, Test: testText, Correction: correctionText, Level: c.cfg.Level, Reference: c.cfg.Reference}
	for i := range c.fields {
		out.Comparisons = append(out.Comparisons, c.compare(&c.fields[i]))
	}
	out.Warnings = c.warnings(out)
	var names []string
	for _, e := range c.entries {
		names = append(names, e.Name)
	}
	out.Verdicts = finding.JudgeAll(names, c.cfg.Reference, func(candidate string) []finding.Place {
		var places []finding.Place
		for i := range out.Comparisons {
			places = append(places, out.Comparisons[i].Place(candidate, c.cfg.Level))
		}
		return places
	}, c.cfg.Margins)
	return out
}

// compare makes the table of one scenario.
func (c *contest) compare(f *field) Comparison {
	s := f.scenario
	out := Comparison{
		Scenario: s.Name, About: s.About, Source: s.Source, FirstSeed: c.cfg.FirstSeed, Seeds: len(f.runs[0]),
		WarmUp: s.WarmUp.Seconds(), Duration: s.Duration.Seconds(), Deadline: s.Deadline.Seconds(),
	}
	reference := slices.IndexFunc(c.entries, func(e Entry) bool { return e.Name == c.cfg.Reference })
	for i, e := range c.entries {
		row := sum(f.runs[i])
		row.Strategy, row.Curves, row.BySeed = e.Name, curves(f.runs[i]), map[string][]float64{}
		for m := range Metrics {
			row.BySeed[Metrics[m].Name] = column(f.runs[i], m)
		}
		out.Rows = append(out.Rows, row)
	}
	for m := range Metrics {
		for i := range out.Rows {
			e := Metrics[m].In(&out.Rows[i])
			mean, low, high := interval(column(f.runs[i], m), c.cfg.Level)
			*e = finding.Estimate{Value: finding.Number(mean), Low: finding.Number(low), High: finding.Number(high)}
		}
	}
	c.test(f, &out, reference)
	out.Notes = out.ties()
	for _, fault := range f.runs[0][0].trail.faults {
		out.Faults = append(out.Faults, newFault(fault))
	}
	return out
}

// test sets the changes from the reference and corrects their p over the table.
func (c *contest) test(f *field, out *Comparison, reference int) {
	var changes []*finding.Change
	var ps []float64
	var enough []bool // of the seeds in which both are known: not every seed has a drain
	for i := range out.Rows {
		for m := range Metrics {
			if i == reference {
				continue
			}
			change, p, pairs := paired(column(f.runs[i], m), column(f.runs[reference], m), Metrics[m].Ratio, c.cfg.Level)
			Metrics[m].In(&out.Rows[i]).Change = &change
			changes, ps, enough = append(changes, &change), append(ps, p), append(enough, conclusive(pairs, c.cfg.Level))
		}
	}
	for i, p := range holm(ps) {
		if math.IsNaN(p) {
			continue
		}
		number := finding.Number(p)
		changes[i].P, changes[i].Significant = &number, enough[i] && p < 1-c.cfg.Level
	}
}

func column(runs []*reduced, metric int) []float64 {
	var out []float64
	for _, r := range runs {
		out = append(out, r.figures[metric])
	}
	return out
}

// sum adds up what is counted and not estimated.
func sum(runs []*reduced) Row {
	row := Row{}
	requests, probes := 0, 0
	for _, r := range runs {
		requests += r.requests
		probes += r.probes
		row.NotDrained += r.notDrained
		row.ToDrain += r.toDrain
		row.NotReturned += r.notReturned
		row.ToReturn += r.toReturn
		for reason, n := range r.declined {
			if row.Declined == nil {
				row.Declined = map[string]int{}
			}
			row.Declined[reason] += n
		}
	}
	row.Requests = finding.Number(float64(requests) / float64(len(runs)))
	row.Probes = finding.Number(float64(probes) / float64(requests))
	return row
}

func newFault(f datasets.Fault) Fault {
	zero := time.Unix(0, 0)
	return Fault{f.Endpoint, f.Kind, f.Start.Sub(zero), f.End.Sub(zero)}
}
