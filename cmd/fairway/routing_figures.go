package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/finding"
)

// routingFigures is the last line of `fairway bench routing`.
type routingFigures struct {
	Ours      string            `json:"ours"`
	Native    string            `json:"native,omitempty"`
	Model     string            `json:"model,omitempty"`
	Tuned     map[string]string `json:"tuned"` // the rivals, with their parameters
	Seeds     int               `json:"seeds"`
	Level     float64           `json:"level"`
	Scenarios []routingScenario `json:"scenarios"`
	Claims    []routingClaim    `json:"claims"`
}

// routingScenario is what came of one scenario.
type routingScenario struct {
	Name string `json:"scenario"`
	// Mean and P99 are ours against whichever rival is best in that.
	Mean routingDuel `json:"mean"`
	P99  routingDuel `json:"p99"`
	// Where a claim is about them: against random picks by capacity, Prequal at
	// native information, the best static split with either picker, the rules.
	Random       *routingDuel `json:"random_mean,omitempty"`
	RandomP99    *routingDuel `json:"random_p99,omitempty"`
	Native       *routingDuel `json:"native_p99,omitempty"`
	NativeFailed *routingDuel `json:"native_failed,omitempty"`
	SplitTurns   *routingDuel `json:"split_in_turn_mean,omitempty"`
	SplitDraws   *routingDuel `json:"split_drawn_mean,omitempty"`
	Rules        *routingDuel `json:"rules_mean,omitempty"`
	ninety       bool
}

// The results of a duel.
const (
	routingWon  = "won"  // significantly better
	routingLost = "lost" // significantly worse
	routingTie  = "~"
)

// routingDuel is ours against another in one figure, seconds or a part of the
// requests; less is better.
type routingDuel struct {
	Ours  finding.Number `json:"ours"`
	Rival string         `json:"rival"`
	Other finding.Number `json:"rival_value"`
	// Ratio is ours over the rival's, with its interval.
	Ratio finding.Number `json:"ratio"`
	Low   finding.Number `json:"low"`
	High  finding.Number `json:"high"`
	// P is corrected over all scenarios; it and what follows are of mean and p99
	// against the best rival alone.
	P      finding.Number `json:"p"`
	Result string         `json:"result,omitempty"`
	// NonInferior: significantly within the margin of 3 %; Inferior:
	// significantly beyond it.
	NonInferior bool `json:"non_inferior,omitempty"`
	Inferior    bool `json:"inferior,omitempty"`

	ratio contest.Ratio
}

const (
	routingLevel  = 0.95
	routingMargin = 1.03
)

// compareRouting makes the duels of a scenario.
func compareRouting(c *contest.Comparison, rivals []string) *routingScenario {
	out := &routingScenario{Name: c.Scenario}
	rows := map[string]*contest.Row{}
	for i := range c.Rows {
		rows[c.Rows[i].Strategy] = &c.Rows[i]
	}
	best := func(metric string) routingDuel {
		return *duel(rows, metric, entryOurs, slices.MinFunc(rivals, func(a, b string) int {
			return cmp.Compare(logMean(rows[a].BySeed[metric]), logMean(rows[b].BySeed[metric]))
		}))
	}
	out.Mean, out.P99 = best("mean"), best("p99")
	out.Random, out.RandomP99 = duel(rows, "mean", entryOurs, routingRandom), duel(rows, "p99", entryOurs, routingRandom)
	out.Native, out.NativeFailed = duel(rows, "p99", entryNative, routingProbes), duel(rows, "failed", entryNative, routingProbes)
	out.SplitTurns, out.SplitDraws = duel(rows, "mean", entryOurs, entryTurns), duel(rows, "mean", entryOurs, entryDraws)
	out.Rules = duel(rows, "mean", entryOurs, routingRules)
	return out
}

func logMean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += math.Log(v)
	}
	return sum / float64(len(x))
}

// duel is nil where one of the two did not take part.
func duel(rows map[string]*contest.Row, metric, own, other string) *routingDuel {
	a, b := rows[own], rows[other]
	if a == nil || b == nil {
		return nil
	}
	x, y := a.BySeed[metric], b.BySeed[metric]
	r := contest.RatioOf(x, y, routingMargin, routingLevel)
	d := &routingDuel{
		Ours: finding.Number(mean(x)), Rival: other, Other: finding.Number(mean(y)), ratio: r,
		Ratio: finding.Number(r.Value), Low: finding.Number(r.Low), High: finding.Number(r.High), P: finding.Number(math.NaN()),
	}
	if metric == "failed" { // there may be none with a seed: the ratio is that of all
		d.Ratio, d.Low, d.High = d.Ours/d.Other, finding.Number(math.NaN()), finding.Number(math.NaN())
		if d.Ours == 0 && d.Other == 0 {
			d.Ratio = 0
		}
	}
	return d
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// correct sets results, of all scenarios at once.
func (f *routingFigures) correct() {
	var duels []*routingDuel
	var differ, within, beyond []float64
	for i := range f.Scenarios {
		for _, d := range []*routingDuel{&f.Scenarios[i].Mean, &f.Scenarios[i].P99} {
			duels = append(duels, d)
			differ, within, beyond = append(differ, d.ratio.Differs), append(within, d.ratio.Within), append(beyond, d.ratio.Beyond)
		}
	}
	differ, within, beyond = contest.Holm(differ), contest.Holm(within), contest.Holm(beyond)
	for i, d := range duels {
		d.P, d.Result = finding.Number(differ[i]), routingTie
		if differ[i] < 1-f.Level {
			d.Result = routingWon
			if d.Ratio > 1 {
				d.Result = routingLost
			}
		}
		d.NonInferior, d.Inferior = within[i] < 1-f.Level, beyond[i] < 1-f.Level
	}
}

// better reports whether ours has less; to be at the deadline with all others
// is not.
func (d *routingDuel) better() bool { return d.Ratio < 1-1e-9 }

func (d *routingDuel) brief() string {
	return fmt.Sprintf("%.3f of %s", float64(d.Ratio), d.Rival)
}

func (d *routingDuel) text(scenario string) string {
	return strings.TrimSpace(fmt.Sprintf("%s %.3f [%s, %s] of %s", scenario, float64(d.Ratio), short(d.Low), short(d.High), d.Rival))
}

func short(n finding.Number) string {
	if math.IsNaN(float64(n)) {
		return "?"
	}
	return fmt.Sprintf("%.3f", float64(n))
}
