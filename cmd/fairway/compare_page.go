package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/replay/report"
)

// page is the report.
func (c *comparison) page(results []*fleetResult) *report.Fleets {
	length, deadline := c.o.block.Seconds(), c.service.Classes[0].Deadline
	page := &report.Fleets{
		Title: "What a fleet of proxies does, by who decides",
		What: fmt.Sprintf("Real proxies before %d real endpoints, %.0f requests/s: %d %% of what the endpoints can do. Four endpoints are twice as slow as the rest; in each block another of the rest becomes %v to %v times slower, and recovers.",
			len(c.service.Endpoints), c.service.Rate, int(math.Round(100*c.o.load)), degradeLeast, degradeMost),
		Command: c.o.command(),
		Method: []report.Term{
			{Name: "Turns", Text: fmt.Sprintf("One policy at a time has the whole fleet, for %v that nobody counts and then %v that count. In each block every policy has one turn, in an order drawn anew, with the same requests at the same proxies and the same fault.", c.o.settle, c.o.block)},
			{Name: "Load", Text: "An open loop: Poisson arrivals drawn before, each sent when it is due to a proxy drawn at random, whatever became of earlier ones."},
			{Name: "Latency", Text: fmt.Sprintf("From when a request was due. One without an answer within %v, or with a 5xx, failed, and took %v.", deadline, deadline)},
			{Name: "Intervals", Text: fmt.Sprintf("%.0f %%, by a bootstrap over whole blocks with the same draws for all policies, expanded for their small number (Hesterberg 2015).", 100*compareLevel)},
			{Name: "fairwayd", Text: fmt.Sprintf("A new one for each of its turns, without a memory of the others'. It polls a Prometheus that scrapes the endpoints every %v, for windows of %v.", compareTiming.scrape, compareTiming.window)},
			{Name: "Turnover", Text: "Total variation between the shares of one second and the next. Requests that are drawn one by one bring some by themselves."},
		},
	}
	for _, r := range results {
		f := report.Fleet{
			Name: r.title(), FaultFrom: degradeStart * length, FaultTo: (degradeStart + degradeLength) * length, Deadline: deadline.Seconds(),
		}
		for i, row := range r.rows {
			f.Names = append(f.Names, row.policy.short())
			f.P50, f.P90, f.P99 = append(f.P50, row.p50), append(f.P90, row.p90), append(f.P99, row.p99)
			f.Errors, f.Ratio, f.Turnover = append(f.Errors, row.errors), append(f.Ratio, row.ratio), append(f.Turnover, row.turnover)
			f.Took, f.Shares = append(f.Took, tookBySecond(r.turns[i])), append(f.Shares, shareBySecond(r.turns[i]))
		}
		for _, v := range r.verdicts {
			f.Verdicts = append(f.Verdicts, fmt.Sprintf("%s: %s: %s.", v.policy.short(), v.word(), v.text))
		}
		for _, d := range r.disturbed {
			f.Warnings = append(f.Warnings, fmt.Sprintf("%s: disturbed: %s.", r.title(), d))
		}
		page.Fleets = append(page.Fleets, f)
	}
	return page
}

// short is the title without its explanation.
func (p comparePolicy) short() string {
	short, _, _ := strings.Cut(p.title, ":")
	return short
}

// tookBySecond are the 95th percentiles of the seconds of all blocks.
func tookBySecond(turns []compareTurn) []float64 {
	values := make([]float64, len(turns[0].seconds))
	for i := range values {
		var all []float64
		for _, t := range turns {
			all = append(all, t.seconds[i].took...)
		}
		slices.Sort(all)
		values[i] = percentile(all, 95)
	}
	return values
}

func shareBySecond(turns []compareTurn) []float64 {
	values := make([]float64, len(turns[0].seconds))
	for i := range values {
		sum, n := 0.0, 0.0
		for _, t := range turns {
			if x := t.seconds[i].degraded; !math.IsNaN(x) {
				sum, n = sum+x, n+1
			}
		}
		values[i] = sum / n
	}
	return values
}
