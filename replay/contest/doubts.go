package contest

import (
	"fmt"
	"math"
	"strings"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/router"
)

// Place is the scenario as a verdict over the candidate sees it.
func (c *Comparison) Place(candidate string, level float64) finding.Place {
	p := finding.Place{Name: c.Scenario}
	if !conclusive(c.Seeds, level) {
		p.Doubts = append(p.Doubts, fmt.Sprintf("%d seeds are too few to call any difference significant", c.Seeds))
	}
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Strategy == candidate {
			for _, o := range outside {
				if r.Declined[string(o.reason)] > 0 {
					p.Doubts = append(p.Doubts, "it "+o.text+", and this is what it falls back to")
				}
			}
			for _, m := range Metrics {
				p.Facts = append(p.Facts, finding.Fact{Metric: m.Name, Kind: m.Kind, Estimate: *m.In(r)})
			}
		}
	}
	return p
}

// ties says which rows are at the deadline in a column, and which columns are
// the same for all: what is left to compare is then elsewhere.
func (c *Comparison) ties() []string {
	var notes []string
	for _, m := range Metrics {
		if m.Ratio && m.Name != "mean" {
			if at := c.atDeadline(m); len(at) > 1 {
				notes = append(notes, fmt.Sprintf("%s: at the deadline of %gs with every seed, and so not told apart: %s", m.Name, c.Deadline, strings.Join(at, ", ")))
			}
		}
	}
	for _, m := range Metrics {
		if tied := c.tied(m); len(tied) > 0 && len(tied) == len(c.Rows)-1 {
			if value := float64(m.In(&c.Rows[0]).Value); m.Ratio && value < c.Deadline {
				notes = append(notes, fmt.Sprintf("%s: the same for all", m.Name))
			}
		}
	}
	return notes
}

func (c *Comparison) atDeadline(m Metric) []string {
	var names []string
	for i := range c.Rows {
		if e := m.In(&c.Rows[i]); e.Value >= finding.Number(c.Deadline) {
			names = append(names, c.Rows[i].Strategy)
		}
	}
	return names
}

// tied are the rows that are exactly as the reference with every seed.
func (c *Comparison) tied(m Metric) []string {
	var names []string
	for i := range c.Rows {
		if d := m.In(&c.Rows[i]).Change; d != nil && math.Abs(float64(d.Value)) < same && d.Low == d.High {
			names = append(names, c.Rows[i].Strategy)
		}
	}
	return names
}

func (c *contest) warnings(f *Findings) []string {
	var out []string
	few := map[int][]string{}
	var order []int
	for _, t := range f.Comparisons {
		if t.Seeds < fewSeeds {
			if few[t.Seeds] == nil {
				order = append(order, t.Seeds)
			}
			few[t.Seeds] = append(few[t.Seeds], t.Scenario)
		}
	}
	for _, n := range order {
		what := "intervals are rough"
		if !conclusive(n, c.cfg.Level) {
			what = "too few to call any difference significant"
		}
		out = append(out, fmt.Sprintf("%d seeds: %s; want %d or more (%s)", n, what, fewSeeds, strings.Join(few[n], ", ")))
	}
	for _, t := range f.Comparisons {
		for _, r := range t.Rows {
			if r.Requests == 0 {
				out = append(out, fmt.Sprintf("%s: no request arrived after the warm-up with %s", t.Scenario, r.Strategy))
			}
			for _, o := range outside {
				if n := r.Declined[string(o.reason)]; n > 0 {
					out = append(out, fmt.Sprintf("%s: %s %s and fell back %d times: this is not what it does with one", t.Scenario, r.Strategy, o.text, n))
				}
			}
		}
	}
	return out
}

// outside are the reasons for which a strategy falls back that lie in how it was
// asked, not in what it saw.
var outside = []struct {
	reason router.Reason
	text   string
}{
	{router.NoModel, "had no model"},
	{router.SchemaMismatch, "had no model for the simulated metrics, which are the lab's,"},
}

// fewSeeds is the number below which intervals are rough.
const fewSeeds = 10
