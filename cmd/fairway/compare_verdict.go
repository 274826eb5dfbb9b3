package main

import (
	"fmt"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/ope"
)

// fleetResult is what a fleet of so many proxies brought.
type fleetResult struct {
	proxies, blocks int
	rows            []compareRow
	turns           [][]compareTurn // by policy and block, as rows
	disturbed       []string        // turns in which the machine had no time
	verdicts        []fleetVerdict
}

// fleetVerdict is what the figures say of one way in which fairway decides.
type fleetVerdict struct {
	policy comparePolicy
	wins   bool
	text   string
}

// withinLeastconn is how much slower than leastconn a single proxy may be with fairway.
const withinLeastconn = 0.05

// newFleetResult sums up and judges.
func newFleetResult(proxies int, policies []comparePolicy, turns [][]compareTurn, seed uint64, maxDelay time.Duration) *fleetResult {
	r := &fleetResult{proxies: proxies, blocks: len(turns[0]), turns: turns}
	rows, b := compareRows(policies, turns, seed)
	r.rows = rows
	for i, p := range policies {
		for block, t := range turns[i] {
			if t.disturbed(maxDelay) {
				r.disturbed = append(r.disturbed, fmt.Sprintf("%s in block %d: 1 %% of the requests were sent later than %v, of waits of 10 ms ended later than %v", p.name, block+1, t.sent.Round(100*time.Microsecond), t.late.Round(100*time.Microsecond)))
			}
		}
	}
	for i := range rows {
		if !rows[i].policy.fairway {
			continue
		}
		if proxies == 1 {
			r.verdicts = append(r.verdicts, besideLeastconn(rows, i, b))
		} else {
			r.verdicts = append(r.verdicts, againstAll(rows, i, len(turns[0])))
		}
	}
	return r
}

// againstAll reports whether the p99 and the errors of a row are better than those of
// every built-in policy, with intervals that do not overlap.
func againstAll(rows []compareRow, own int, blocks int) fleetVerdict {
	v := fleetVerdict{policy: rows[own].policy}
	if blocks < ope.MinBlocks {
		v.text = fmt.Sprintf("no verdict: %d blocks give no intervals", blocks)
		return v
	}
	against := 0
	for i := range rows {
		if rows[i].policy.fairway {
			continue
		}
		against++
		for _, f := range []struct {
			name        string
			own, theirs finding.Estimate
			scale       float64
			unit        string
		}{
			{"p99", rows[own].p99, rows[i].p99, 1e3, "ms"},
			{"errors", rows[own].errors, rows[i].errors, 1, "a block"},
		} {
			if f.own.High < f.theirs.Low {
				continue
			}
			if v.text != "" {
				v.text += "; "
			}
			v.text += fmt.Sprintf("%s, %.3g to %.3g %s, is not below %s's %.3g to %.3g", f.name, f.scale*float64(f.own.Low), f.scale*float64(f.own.High), f.unit, rows[i].policy.name, f.scale*float64(f.theirs.Low), f.scale*float64(f.theirs.High))
		}
	}
	switch {
	case against == 0:
		v.text = "no verdict: there is no built-in policy beside it"
	case v.text == "":
		v.wins, v.text = true, fmt.Sprintf("p99 and errors better than %s, with intervals that do not overlap", builtIns(against))
	}
	return v
}

func builtIns(n int) string {
	if n == 1 {
		return "the built-in policy beside it"
	}
	return fmt.Sprintf("all %d built-in policies", n)
}

// besideLeastconn reports whether the p99 of a row is within 5 % of leastconn's.
func besideLeastconn(rows []compareRow, own int, b *ope.Bootstrap) fleetVerdict {
	v := fleetVerdict{policy: rows[own].policy, text: "no verdict: " + withoutFairway + " is not beside it"}
	for i := range rows {
		if rows[i].policy.name != withoutFairway {
			continue
		}
		if rows[own].errors.Value > 0 && rows[own].p99Drawn.Value == rows[i].p99Drawn.Value { // latencies are not equal, unless they end there
			v.text = "no verdict: both p99 are the deadline"
			return v
		}
		ratio := ope.Sample{Value: rows[own].p99Drawn.Value / rows[i].p99Drawn.Value}
		for k := range rows[i].p99Drawn.Drawn {
			ratio.Drawn = append(ratio.Drawn, rows[own].p99Drawn.Drawn[k]/rows[i].p99Drawn.Drawn[k])
		}
		change := ratio.Value - 1
		v.wins = change <= withinLeastconn
		v.text = fmt.Sprintf("p99 is %+.1f %% beside %s's", 100*change, withoutFairway)
		if low, high := b.Interval(ratio); !math.IsNaN(low) {
			v.text += fmt.Sprintf(" (%+.1f %% to %+.1f %%)", 100*(low-1), 100*(high-1))
		}
		v.text += fmt.Sprintf("; wanted at most %+.0f %%", 100*withinLeastconn)
	}
	return v
}
