package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"

	"github.com/fairway-mesh/fairway/train"
)

// calibrationSection compares what was foretold with what came: the mean by
// tenths, and how often the quantiles held.
func calibrationSection(part string, e *train.Errors, p *painter) section {
	out := section{Name: "Calibration, in " + part, Texts: []string{
		"Each dot is a tenth of the requests, those with like predictions. Of single requests, a foretold p90 should be the most that 90 % of them took: that needs a request log."}}
	var came []line
	dots, low, high := line{name: "a tenth of the requests", dots: true}, math.Inf(1), math.Inf(-1)
	for _, d := range e.Deciles {
		x, y := float64(d.Predicted), float64(d.Came.Value)
		dots.x, dots.y = append(dots.x, x), append(dots.y, y)
		came = append(came, line{x: []float64{x, x}, y: []float64{float64(d.Came.Low90), float64(d.Came.High90)}})
		low, high = min(low, x, y), max(high, x, y)
	}
	if len(e.Deciles) > 0 {
		p.add(&chart{title: "Mean: what was predicted, and what came", about: "With 90 % intervals. On the line, what was predicted came.",
			x: axis{label: "predicted", log: true}, y: axis{label: "came", log: true},
			lines: append(append([]line{{name: "as predicted", colour: muted, x: []float64{low, high}, y: []float64{low, high}}}, came...), dots)})
	}
	t := table{About: "How often what came was at most the foretold quantile, with 90 % intervals. Of requests that should be its level; of windows, whose own quantile is compared, about half"}
	for _, c := range e.Coverage {
		row := tableRow{Name: c.Of + " by " + c.By}
		for _, r := range c.Rivals {
			if len(t.Rows) == 0 {
				t.Heads = append(t.Heads, r.Name+" %")
			}
			one := plain(fmt.Sprintf("%.1f", 100*float64(r.Share.Value)))
			if !math.IsNaN(float64(r.Share.Low90)) {
				one.Interval = fmt.Sprintf("[%.1f, %.1f]", 100*float64(r.Share.Low90), 100*float64(r.Share.High90))
			}
			row.Cells = append(row.Cells, one)
		}
		t.Rows = append(t.Rows, row)
	}
	if covered(e, p) {
		out.Texts = append(out.Texts, "Where a quantile holds less often than it says, the tail is longer than foretold.")
	}
	out.Tables, out.Pictures = []table{t}, p.taken()
	return out
}

// covered draws how often quantiles held, of single requests.
func covered(e *train.Errors, p *painter) bool {
	c := &chart{title: "Quantiles: how often they held", about: "Of single requests, with 90 % intervals. On the line, a foretold quantile is one. Both axes are stretched towards 100 %.",
		x: axis{label: "level", ticks: partTicks{}, min: stretch(0.2), max: stretch(0.997)}, y: axis{label: "held", ticks: partTicks{}, min: stretch(0.2), max: stretch(0.9985)}}
	ends := []float64{stretch(0.2), stretch(0.997)}
	c.lines = []line{{name: "as foretold", colour: muted, x: ends, y: ends}}
	for k := range 3 {
		dots := line{colour: k, dots: true}
		for _, one := range e.Coverage {
			if one.By != "requests" || k >= len(one.Rivals) {
				continue
			}
			r := one.Rivals[k]
			dots.name = r.Name
			x := stretch(float64(one.Level)) + 0.04*float64(k-1)
			dots.x, dots.y = append(dots.x, x), append(dots.y, stretch(float64(r.Share.Value)))
			c.lines = append(c.lines, line{colour: k, x: []float64{x, x}, y: []float64{stretch(float64(r.Share.Low90)), stretch(float64(r.Share.High90))}})
		}
		if len(dots.x) == 0 {
			return false
		}
		c.lines = append(c.lines, dots)
	}
	p.add(c)
	return true
}

// failure shows what the forecast of failures is worth.
func (v *view) failure(r *train.FailureReport, p *painter) {
	out := section{Name: "Failure forecast"}
	t := table{About: "What there was to learn", Heads: []string{"train", "validation", "test"}}
	for _, one := range []struct {
		name   string
		counts [3]int
	}{{"onsets of failures", r.Onsets}, {"decisions about working endpoints", r.Rows}, {"of these, a failure follows", r.Before}} {
		row := tableRow{Name: one.name}
		for _, n := range one.counts {
			row.Cells = append(row.Cells, plain(fmt.Sprint(n)))
		}
		t.Rows = append(t.Rows, row)
	}
	out.Tables = []table{t}
	if r.Shipped {
		skill := "In test no endpoint begins to fail: what the forecast is worth is not known."
		if !math.IsNaN(float64(r.Skill)) {
			skill = fmt.Sprintf("In test: Brier score %s, of always saying the base rate (%s) %s; skill %s, AUROC %s. A skill below 0 is worse than the base rate.",
				numberText(r.Brier), percentText(r.BaseRate), numberText(r.BrierBase), numberText(r.Skill), numberText(r.AUROC))
		}
		out.Texts = append(out.Texts, skill)
		reliable(r, p)
		out.Pictures = p.taken()
	}
	v.Sections = append(v.Sections, out)
}

// reliable draws the reliability diagram.
func reliable(r *train.FailureReport, p *painter) {
	if len(r.Reliability) == 0 {
		return
	}
	dots := line{name: "forecasts that are alike", dots: true}
	var spans []line
	highest := 0.0
	for _, one := range r.Reliability {
		x := 100 * float64(one.Forecast)
		dots.x, dots.y = append(dots.x, x), append(dots.y, 100*float64(one.Observed))
		spans = append(spans, line{x: []float64{x, x}, y: []float64{100 * float64(one.Low), 100 * float64(one.High)}})
		highest = max(highest, x, 100*float64(one.High))
	}
	diagonal := line{name: "as forecast", colour: muted, x: []float64{0, highest}, y: []float64{0, highest}}
	p.add(&chart{title: "Failures: what was forecast, and what came", about: "Of decisions about working endpoints in test, with 90 % Wilson intervals of as many failures as could be told apart.",
		x: axis{label: "forecast, %", zero: true, ticks: plot.DefaultTicks{}}, y: axis{label: "failed, %", zero: true}, lines: append(append([]line{diagonal}, spans...), dots)})
}

func numberText(n train.Number) string {
	if math.IsNaN(float64(n)) {
		return "?"
	}
	return fmt.Sprintf("%.4g", float64(n))
}

func percentText(n train.Number) string {
	if math.IsNaN(float64(n)) {
		return "?"
	}
	return fmt.Sprintf("%.3g %%", 100*float64(n))
}

// trainingTerms says how it was judged.
func (v *view) trainingTerms(t *Training) {
	v.Method = append(v.Method,
		term{"What is compared", "At each decision, what was foretold of each endpoint with what its metrics showed while the decision was in force (the later of step and range). A window weighs as much as the requests in it, and counts only where every rival foretold something."},
		term{"Persistence", "The last window's value; while an endpoint is idle, the last one known."},
		term{"EWMA", "Moving average of the windows, with the half-life that had the least loss in the training part: one for each score, of ½ to 32 steps."},
		term{"Network, load as now", "The network when told the load of now and not the one that came: how much of its lead it owes to knowing the load."},
		term{"MAPE", "Mean of |foretold − came| ÷ came; what came counts for at least a tenth of the service's median in training, so that a few tiny latencies do not make the mean."},
		term{"Pinball", "By windows: a foretold quantile against the window's own, so that the score is least for the quantile of the windows' quantiles. By requests: against every logged request that was sent while the decision was in force, which is the proper score; failures with an answer are left out, requests without one count at their deadline."},
		term{"Log loss", "Probabilities are kept within 0.1 and 99.9 %, for all."},
		term{"Intervals", "Moving block bootstrap over time (Künsch, Annals of Statistics 1989), blocks of at least 60 s and two horizons, 1000 resamples; differences from the same blocks of both. One interval for each comparison, uncorrected."})
	if len(t.Replays) > 0 && len(t.Replays[0].Verdicts) > 0 {
		v.Method = append(v.Method, term{"Verdict", "As of fairway replay, on at most three recordings: this model as it would be served, against the rules alone and against the model in use, if one was named. " + percents(t.Replays[0].Verdicts[0].Margins)})
	}
}
