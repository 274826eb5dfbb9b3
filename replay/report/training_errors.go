package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fairway-mesh/fairway/train"
)

// The places of the rivals in a score.
const network, persistence, ewma = 0, 1, 2

// errorsSection compares predictions and choices of one part.
func errorsSection(part, about string, j *train.Judgement, p *painter) section {
	out := section{Name: "Errors in " + part, Texts: []string{about}}
	if e := j.Errors; e != nil && len(e.Scores) > 0 {
		out.Texts = append(out.Texts, fmt.Sprintf("%d windows of endpoints, weighed by their %.0f requests (windows overlap); %d blocks of %.0f s. The network is told the load that came, as the solver tells it what a weight would bring; the others do not ask.",
			e.Windows, float64(e.Requests), e.Blocks, float64(e.Block)))
		out.Tables = append(out.Tables, scoreTable(part, e.Scores))
		p.add(gains(part, e.Scores))
	}
	if len(j.Ways) > 0 {
		out.Tables = append(out.Tables, waysTable(part, j))
	}
	out.Pictures = p.taken()
	return out
}

// lostSection lists where the network is not the best.
func lostSection(part string, e *train.Errors) section {
	out := section{Name: "Where the network loses, in " + part, Notes: e.Lost(),
		Texts: []string{"Where persistence or EWMA is better than the network at 90 %, over all and in each regime below. Of so many comparisons a few show by chance."}}
	if len(out.Notes) == 0 {
		out.Texts = append(out.Texts, "Nowhere that could be seen.")
	}
	return out
}

func scoreTable(part string, scores []train.Score) table {
	t := table{About: "Errors in " + part + ", and by how much each is larger than the network's (90 % interval; the 95 % one is in the JSON)"}
	for _, r := range scores[0].Rivals {
		t.Heads = append(t.Heads, r.Name)
	}
	for i := range scores {
		s := &scores[i]
		row := tableRow{Name: s.Title()}
		for _, r := range s.Rivals {
			c := plain(s.Text(float64(r.Loss)))
			if r.Gain != nil {
				c.Change, c.Class = gainText(s, r.Gain), gainClass(r.Gain)
			}
			if r.HalfLife > 0 {
				c.Interval = fmt.Sprintf("half-life %g s", float64(r.HalfLife))
			}
			row.Cells = append(row.Cells, c)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func gainText(s *train.Score, g *train.Interval) string {
	if math.IsNaN(float64(g.Low90)) {
		return ""
	}
	return fmt.Sprintf("[%s, %s]", s.Text(float64(g.Low90)), s.Text(float64(g.High90)))
}

// gainClass is better where the network is.
func gainClass(g *train.Interval) string {
	switch {
	case g.Low90 > 0:
		return "better"
	case g.High90 < 0:
		return "worse"
	}
	return ""
}

// shorter makes names fit beside a picture.
var shorter = strings.NewReplacer("pinball, windows", "pinball win.", "pinball, requests", "pinball req.", "absolute error", "absolute")

// gains shows by which part of a rival's loss the network's is lower.
func gains(part string, scores []train.Score) *chart {
	c := &chart{title: "How much lower the network's errors are, " + part, x: axis{label: "% of the rival's error"},
		about: "With 90 % intervals. Right of 0 the network is better; left of it the other is. What lies beyond ±100 % is cut."}
	var names []string
	for i := range scores {
		names = append(names, shorter.Replace(scores[i].Title()))
	}
	rows := float64(len(names))
	c.lines = []line{{colour: muted, x: []float64{0, 0}, y: []float64{-0.6, rows - 0.4}}}
	for k, rival := range []int{persistence, ewma} {
		dots := line{name: "than " + scores[0].Rivals[rival].Name, colour: k, dots: true}
		for i := range scores {
			r := &scores[i].Rivals[rival]
			share := func(x train.Number) float64 { return min(max(100*float64(x)/float64(r.Loss), -100), 100) }
			y := rows - 1 - float64(i) - 0.15*float64(2*k-1)
			dots.x, dots.y = append(dots.x, share(r.Gain.Value)), append(dots.y, y)
			c.lines = append(c.lines, line{colour: k, x: []float64{share(r.Gain.Low90), share(r.Gain.High90)}, y: []float64{y, y}})
		}
		c.lines = append(c.lines, dots)
	}
	c.y = axis{ticks: rowTicks(names), min: -0.6, max: rows - 0.4}
	return c
}

func waysTable(part string, j *train.Judgement) table {
	t := table{About: fmt.Sprintf("What choosing the best by each would have cost, %s, %d decisions; and by how much more than by the network (90 %%)", part, j.Decisions), Heads: []string{"cost ms", "more ms"}}
	for i, w := range j.Ways {
		cost, more := plain(fmt.Sprintf("%.1f", 1e3*float64(w.Cost))), cell{}
		if i > 0 {
			more = plain(fmt.Sprintf("%.1f", 1e3*float64(w.Gain)))
			if !math.IsNaN(float64(w.Low)) {
				more.Change = fmt.Sprintf("[%.1f, %.1f]", 1e3*float64(w.Low), 1e3*float64(w.High))
			}
			if i < len(j.Ways)-1 { // nobody can be better than hindsight
				more.Class = gainClass(&train.Interval{Low90: w.Low, High90: w.High})
			}
		}
		t.Rows = append(t.Rows, tableRow{Name: w.Name, Cells: []cell{cost, more}})
	}
	return t
}

// regimesSection has a table for each respect in which windows differ.
func regimesSection(part string, regimes []train.Regime) section {
	out := section{Name: "Errors by regime, in " + part, Texts: []string{
		"The network's errors; below each those of persistence and EWMA. “better” is significantly so than both at 90 %, “worse” than one of them; ~ is no difference, and “not known” where there are too few blocks of time for an interval. Means of a few windows hang on one or two failures: look at how many there are."}}
	for _, r := range regimes {
		about := regimeTitles[r.By]
		if n := len(out.Tables); n == 0 || out.Tables[n-1].About != about {
			t := table{About: about, Heads: []string{"windows"}}
			for i := range r.Scores {
				t.Heads = append(t.Heads, r.Scores[i].Title())
			}
			out.Tables = append(out.Tables, t)
		}
		t := &out.Tables[len(out.Tables)-1]
		row := tableRow{Name: r.Name, Cells: []cell{plain(fmt.Sprint(r.Windows))}}
		for i := range r.Scores {
			row.Cells = append(row.Cells, regimeCell(&r.Scores[i]))
		}
		t.Rows = append(t.Rows, row)
	}
	return out
}

var regimeTitles = map[string]string{
	"load": "By the load that came ÷ capacity (thirds of the training part)", "state": "By what happened: failing before the decision, after it, both, neither",
	"recording": "By recording", "service": "By service", "endpoint_age": "By how long the endpoint had been seen", "metrics_age": "By the age of the metrics (thirds of the training part)",
}

func regimeCell(s *train.Score) cell {
	c := plain(s.Text(float64(s.Rivals[network].Loss)))
	last, smooth := &s.Rivals[persistence], &s.Rivals[ewma]
	c.Interval = s.Text(float64(last.Loss)) + " · " + s.Text(float64(smooth.Loss))
	switch {
	case last.Gain.High90 < 0 || smooth.Gain.High90 < 0:
		c.Change, c.Class = "worse", "worse"
	case last.Gain.Low90 > 0 && smooth.Gain.Low90 > 0:
		c.Change, c.Class = "better", "better"
	case math.IsNaN(float64(last.Gain.Low90)) || math.IsNaN(float64(smooth.Gain.Low90)):
		c.Change = "not known"
	default:
		c.Change = "~"
	}
	return c
}

func importanceSection(list []train.Importance, p *painter) section {
	out := section{Name: "What the inputs are worth", Texts: []string{
		"Permutation importance in validation: the values of a group of inputs are dealt out anew among endpoints and times, all its columns together, and the errors grow. Inputs whose rank correlation is 0.6 or more with every other of the group are in one. Five deals; in brackets the least and the most."}}
	t := table{About: "Growth of the errors without the group", Heads: []string{"mean log-RMSE", "error ratio Brier ×1000", "inputs"}}
	dots, lines := line{name: "mean log-RMSE", dots: true}, []line(nil)
	var names []string
	for i, one := range list {
		name := one.Inputs[0]
		if more := len(one.Inputs) - 1; more > 0 {
			name += fmt.Sprintf(" +%d", more)
		}
		names = append(names, name)
		inputs := plain(strings.Join(one.Inputs, ", "))
		inputs.Class = "text"
		mean, brier := plain(rounded(4, one.Mean[0])), plain(rounded(2, 1e3*one.Errors[0]))
		mean.Interval = fmt.Sprintf("[%s, %s]", rounded(4, one.Mean[1]), rounded(4, one.Mean[2]))
		brier.Interval = fmt.Sprintf("[%s, %s]", rounded(2, 1e3*one.Errors[1]), rounded(2, 1e3*one.Errors[2]))
		t.Rows = append(t.Rows, tableRow{Name: name, Cells: []cell{mean, brier, inputs}})
		y := float64(len(list) - 1 - i)
		dots.x, dots.y = append(dots.x, float64(one.Mean[0])), append(dots.y, y)
		lines = append(lines, line{x: []float64{float64(one.Mean[1]), float64(one.Mean[2])}, y: []float64{y, y}})
	}
	p.add(&chart{title: "What the inputs are worth", about: "By how much the log-RMSE of the mean grows without each group.", x: axis{label: "growth of the log-RMSE"},
		y: axis{ticks: rowTicks(names), min: -0.6, max: float64(len(list)) - 0.4}, lines: append(lines, dots)})
	out.Tables, out.Pictures = []table{t}, p.taken()
	return out
}

// rounded writes so many digits behind the point; what is rounded to 0 has no
// sign.
func rounded(digits int, x train.Number) string {
	text := strconv.FormatFloat(float64(x), 'f', digits, 64)
	if strings.Trim(text, "-0.") == "" {
		return strings.TrimPrefix(text, "-")
	}
	return text
}
