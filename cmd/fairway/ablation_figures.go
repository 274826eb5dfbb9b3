package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/finding"
)

// ablationFigures is the last line of `fairway bench ablation`.
type ablationFigures struct {
	Reference string             `json:"reference"`
	FirstSeed uint64             `json:"first_seed"`
	Seeds     int                `json:"seeds"`
	Level     float64            `json:"level"`
	Pickers   []ablationPart     `json:"pickers"`
	Costs     []ablationCost     `json:"costs,omitempty"`
	Recorded  []ablationRecorded `json:"recorded,omitempty"`
}

// ablationPart is all that was run with one picker.
type ablationPart struct {
	Picker    string             `json:"picker"`
	Rows      []ablationRow      `json:"rows"`
	Duels     []ablationDuel     `json:"duels"`
	Scenarios []ablationScenario `json:"scenarios"`
	LeftOut   []string           `json:"left_out,omitempty"` // for want of time
}

// ablationScenario has what each came to in one scenario: latencies in seconds,
// geometric means over the seeds, and the part of the requests that failed.
type ablationScenario struct {
	Name string         `json:"scenario"`
	Rows []ablationCell `json:"rows"`

	bySeed map[string]map[string][]float64 // by name and metric
}

type ablationCell struct {
	Name     string         `json:"name"`
	Mean     finding.Number `json:"mean"`
	P99      finding.Number `json:"p99"`
	Failed   finding.Number `json:"failed"`
	Declined map[string]int `json:"declined,omitempty"` // decisions that fell back, by reason
}

// ablationRow is one over the reference, in the scenarios in which both ran:
// the geometric mean of the ratios of latencies, and the ratio of all that
// failed.
type ablationRow struct {
	Name      string        `json:"name"`
	Scenarios int           `json:"scenarios"`
	Mean      ablationRatio `json:"mean"`
	P99       ablationRatio `json:"p99"`
	Failed    ablationRatio `json:"failed"`
}

// ablationRatio has an interval by bootstrap over the scenarios.
type ablationRatio struct {
	Value finding.Number `json:"value"`
	Low   finding.Number `json:"low"`
	High  finding.Number `json:"high"`
}

// ablationDuel is one row against another, in the mean latency.
type ablationDuel struct {
	Row    string `json:"row"`
	Column string `json:"column"`
	Of     int    `json:"of"`    // scenarios in which both ran
	Lower  int    `json:"lower"` // in so many the row's is lower by more than a thousandth
	Higher int    `json:"higher"`
	// Won and Lost count those that are so significantly: t over the seeds, Holm
	// over the scenarios.
	Won  int `json:"won"`
	Lost int `json:"lost"`
	// Ratio is the geometric mean over the scenarios; P of a t test over them,
	// after Holm over all pairs.
	Ratio finding.Number `json:"ratio"`
	P     finding.Number `json:"p"`
}

// ablationTie is the ratio up to which two means are one.
const ablationTie = 1.001

const ablationDraws = 2000 // of the bootstrap

// add takes in what came of a scenario.
func (p *ablationPart) add(c *contest.Comparison) {
	s := ablationScenario{Name: c.Scenario, bySeed: map[string]map[string][]float64{}}
	for i := range c.Rows {
		r := &c.Rows[i]
		s.bySeed[r.Strategy] = r.BySeed
		s.Rows = append(s.Rows, ablationCell{
			r.Strategy, finding.Number(math.Exp(logMean(r.BySeed["mean"]))), finding.Number(math.Exp(logMean(r.BySeed["p99"]))),
			finding.Number(mean(r.BySeed["failed"])), r.Declined,
		})
	}
	p.Scenarios = append(p.Scenarios, s)
}

// both are two columns, scenario by scenario, where both ran.
func (p *ablationPart) both(a, b string, of func(*ablationCell) finding.Number) (x, y []float64) {
	for i := range p.Scenarios {
		s := &p.Scenarios[i]
		one, other := s.find(a), s.find(b)
		if one != nil && other != nil {
			x, y = append(x, float64(of(one))), append(y, float64(of(other)))
		}
	}
	return x, y
}

func (s *ablationScenario) find(name string) *ablationCell {
	if i := slices.IndexFunc(s.Rows, func(c ablationCell) bool { return c.Name == name }); i >= 0 {
		return &s.Rows[i]
	}
	return nil
}

// judge sums up over the scenarios.
func (p *ablationPart) judge(reference string, level float64) {
	p.Rows, p.Duels = nil, nil
	var names []string
	for _, name := range ablationNames() {
		if slices.ContainsFunc(p.Scenarios, func(s ablationScenario) bool { return s.find(name) != nil }) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		row := ablationRow{Name: name}
		x, y := p.both(name, reference, func(c *ablationCell) finding.Number { return c.Mean })
		row.Scenarios, row.Mean = len(x), bootstrapped(x, y, geometric, level)
		x, y = p.both(name, reference, func(c *ablationCell) finding.Number { return c.P99 })
		row.P99 = bootstrapped(x, y, geometric, level)
		x, y = p.both(name, reference, func(c *ablationCell) finding.Number { return c.Failed })
		row.Failed = bootstrapped(x, y, ofSums, level)
		p.Rows = append(p.Rows, row)
	}
	p.duel(names, level)
}

// duel holds each against each that follows it.
func (p *ablationPart) duel(names []string, level float64) {
	var ps []float64
	for i, row := range names {
		for _, column := range names[i+1:] {
			x, y := p.both(row, column, func(c *ablationCell) finding.Number { return c.Mean })
			r := contest.RatioOf(x, y, 1, level)
			ps = append(ps, r.Differs)
			d := ablationDuel{Row: row, Column: column, Of: len(x), Ratio: finding.Number(r.Value)}
			for k := range x {
				switch {
				case x[k]*ablationTie < y[k]:
					d.Lower++
				case y[k]*ablationTie < x[k]:
					d.Higher++
				}
			}
			d.Won, d.Lost = p.won(row, column, level)
			p.Duels = append(p.Duels, d)
		}
	}
	for i, corrected := range contest.Holm(ps) {
		p.Duels[i].P = finding.Number(corrected)
	}
}

// won counts the scenarios that either has won significantly.
func (p *ablationPart) won(a, b string, level float64) (own, other int) {
	var ps, ratios []float64
	for i := range p.Scenarios {
		by := p.Scenarios[i].bySeed
		if by[a] == nil || by[b] == nil {
			continue
		}
		r := contest.RatioOf(by[a]["mean"], by[b]["mean"], 1, level)
		ps, ratios = append(ps, r.Differs), append(ratios, r.Value)
	}
	for i, x := range contest.Holm(ps) {
		switch {
		case !(x < 1-level):
		case ratios[i] < 1:
			own++
		default:
			other++
		}
	}
	return own, other
}

// geometric is the geometric mean of the ratios.
func geometric(x, y []float64) float64 { return math.Exp(logMean(x) - logMean(y)) }

// ofSums is the ratio of the sums: single ones may be of nothing.
func ofSums(x, y []float64) float64 { return mean(x) / mean(y) }

// bootstrapped draws the scenarios anew; equal calls give equal intervals.
func bootstrapped(x, y []float64, of func(x, y []float64) float64, level float64) ablationRatio {
	if len(x) == 0 {
		return ablationRatio{unknownNumber, unknownNumber, unknownNumber}
	}
	out := ablationRatio{finding.Number(of(x, y)), unknownNumber, unknownNumber}
	random := rand.New(rand.NewPCG(1, uint64(len(x))))
	a, b := make([]float64, len(x)), make([]float64, len(x))
	var drawn []float64
	for range ablationDraws {
		for i := range x {
			k := random.IntN(len(x))
			a[i], b[i] = x[k], y[k]
		}
		if r := of(a, b); !math.IsNaN(r) && !math.IsInf(r, 0) {
			drawn = append(drawn, r)
		}
	}
	if len(x) < 2 || len(drawn) < ablationDraws/2 {
		return out
	}
	slices.Sort(drawn)
	at := func(part float64) finding.Number { return finding.Number(drawn[int(part*float64(len(drawn)-1))]) }
	out.Low, out.High = at((1-level)/2), at((1+level)/2)
	return out
}
