package replay

import (
	"fmt"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/fitted"
	"github.com/fairway-mesh/fairway/replay/ope"
)

// Simulate adds what the policies did in a mesh that was fitted to the
// recording, with the same reference. To the verdicts a service of it is a place
// like any other, and settles the doubt about load feedback, unless the mesh does
// not fit: then it says so and decides nothing.
func (t *Trace) Simulate(r *fitted.Result) { t.simulated = r }

// verdicts judges every policy against the reference, service by service, by
// the metrics and, where there are any, by the request log with propensities
// and by the simulation.
func (t *Trace) verdicts(table *Table) []finding.Verdict {
	var candidates []string
	for _, name := range t.Rows {
		if name != AsRecorded && name != HindsightBest {
			candidates = append(candidates, name)
		}
	}
	reference := t.Rows[t.reference()]
	return finding.JudgeAll(candidates, reference, func(candidate string) []finding.Place {
		var places []finding.Place
		for i := range table.Sections {
			if s := &table.Sections[i]; s.Service != "" || len(table.Sections) == 1 {
				places = append(places, s.place(candidate, t))
			}
		}
		for i := range table.Requests {
			if s := &table.Requests[i]; s.Requests > 0 && (s.Service != "" || len(table.Requests) == 1) {
				places = append(places, s.place(candidate, t))
			}
		}
		if t.simulated != nil {
			places = append(places, t.simulated.Places(candidate)...)
		}
		return places
	}, t.cfg.Margins)
}

func (s *Section) place(candidate string, t *Trace) finding.Place {
	p := finding.Place{Name: title(s.Service), Doubts: shortDoubts(s.Blocks, t.cfg.Level)}
	if slices.Contains(t.cfg.Unidentified, s.Service) || t.steady(s.Service) {
		p.Doubts = append(p.Doubts, "load effect not identifiable")
	}
	for _, r := range s.Rows {
		if r.Policy != candidate {
			continue
		}
		p.Facts = facts(r.Cost, r.P99, r.Errors)
		if far := fmt.Sprintf("load feedback: %.0f %% of the requests would move from where they were recorded, and meet %.1f times the recorded load of their endpoint", 100*r.Moved, 1/r.SampleRatio); r.far() {
			// What the load would do is what a mesh that fits was simulated for.
			if t.simulated.Fits(s.Service) {
				p.Remarks = append(p.Remarks, far+": see the simulation")
			} else {
				p.Doubts = append(p.Doubts, far)
			}
		}
		if r.Unseen > farUnseen {
			p.Doubts = append(p.Doubts, fmt.Sprintf("no overlap: %.0f %% of the weight is on endpoints that showed nothing", 100*r.Unseen))
		}
	}
	return p
}

func (s *RequestSection) place(candidate string, t *Trace) finding.Place {
	p := finding.Place{Name: title(s.Service) + ", request log", Doubts: shortDoubts(s.Blocks, t.cfg.Level)}
	for _, r := range s.Rows {
		if r.Policy != candidate {
			continue
		}
		p.Facts = facts(r.Cost, r.P99, r.Errors)
		if math.IsNaN(float64(r.Cost.Value)) {
			p.Doubts = append(p.Doubts, "no overlap: refused: "+r.Refused)
		} else if math.Abs(float64(r.MeanWeight)-1) > farMean {
			p.Doubts = append(p.Doubts, fmt.Sprintf("importance weights average %.2f, not 1", r.MeanWeight))
		}
	}
	return p
}

func facts(cost, p99, errors Estimate) []finding.Fact {
	return []finding.Fact{
		{Metric: "cost", Kind: finding.Latency, Estimate: cost},
		{Metric: "p99", Kind: finding.Latency, Estimate: p99},
		{Metric: "errors", Kind: finding.Failures, Estimate: errors},
	}
}

// shortDoubts says that there are too few blocks for any verdict.
func shortDoubts(blocks int, level float64) []string {
	if ope.Conclusive(blocks, level) {
		return nil
	}
	few := fmt.Sprintf("%d blocks are", blocks)
	if blocks == 1 {
		few = "one block is"
	}
	return []string{few + " too few to call any difference significant; judge a longer part"}
}

// far reports whether the policy goes where the recording did not.
func (r *Row) far() bool { return r.Moved > farMoved || r.SampleRatio < farSample }
