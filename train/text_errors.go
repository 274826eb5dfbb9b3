package train

import (
	"fmt"
	"strings"
)

// errors writes the scores that count the most; the page and the JSON have all
// of them.
func (t *text) errors(part string, e *Errors) {
	if len(e.Scores) == 0 {
		t.line("  %s: no window in which something was foretold and came", part)
		return
	}
	t.line("  %s, errors given the load that came\tnetwork\tpersistence\tmore by, 90 %%\tEWMA\tmore by, 90 %%", part)
	for i := range e.Scores {
		if s := &e.Scores[i]; s.headline() {
			t.line("  %s\t%s\t%s\t%s\t%s\t%s", s.Title(), s.Text(float64(s.Rivals[rivalNetwork].Loss)),
				s.Text(float64(s.Rivals[rivalPersistence].Loss)), s.gainText(rivalPersistence), s.Text(float64(s.Rivals[rivalEWMA].Loss)), s.gainText(rivalEWMA))
		}
	}
	t.line("  (%d windows weighed by their requests; %d blocks of %.0f s; ~ is no difference)", e.Windows, e.Blocks, float64(e.Block))
	lost := e.Lost()
	for i, one := range lost {
		if i == fewLost {
			t.line("  worse too: %d more, of regimes; see the page or the JSON", len(lost)-i)
			break
		}
		t.line("  worse: %s", one)
	}
}

// fewLost is how much of what was lost the text says.
const fewLost = 6

func (s *Score) headline() bool {
	return s.Score != scoringNames[relative] && s.Score != scoringNames[logarithmic] || s.Of == quantityNames[ofMean]
}

var scoringTitles = map[string]string{"mape": "MAPE", "log_rmse": "log-RMSE", "pinball": "pinball", "brier": "Brier", "log_loss": "log loss", "absolute": "absolute error"}

// Title is what is judged and how, for people.
func (s *Score) Title() string {
	title := strings.ReplaceAll(s.Of, "_", " ") + " " + scoringTitles[s.Score]
	if s.Score == scoringNames[pinball] {
		title += ", " + s.By
	}
	return title
}

// Text writes a loss of the score, in its unit.
func (s *Score) Text(loss float64) string {
	switch s.Score {
	case scoringNames[relative]:
		return fmt.Sprintf("%.3g %%", 100*loss)
	case scoringNames[pinball], scoringNames[absolute]:
		return seconds(Number(loss))
	}
	return number(loss)
}

func (s *Score) gainText(rival int) string {
	g := s.Rivals[rival].Gain
	return between(g.Low90, g.High90, func(x Number) string { return s.Text(float64(x)) })
}

// Lost lists where persistence or the moving average was better than the
// network, as sure as 90 %, over all and in which regime. Of many regimes some
// show by chance.
func (e *Errors) Lost() []string {
	var list []string
	add := func(where string, scores []Score) {
		for i := range scores {
			s := &scores[i]
			for r := range s.Rivals {
				if one := &s.Rivals[r]; (r == rivalPersistence || r == rivalEWMA) && one.Gain.High90 < 0 {
					list = append(list, fmt.Sprintf("%s%s: %s instead of %s by %s", where, s.Title(), s.Text(float64(s.Rivals[rivalNetwork].Loss)), s.Text(float64(one.Loss)), one.Name))
				}
			}
		}
	}
	add("", e.Scores)
	for _, r := range e.Regimes {
		add(r.Title()+", ", r.Scores)
	}
	return list
}

// Title names the regime for people.
func (r *Regime) Title() string { return strings.ReplaceAll(r.By, "_", " ") + " " + r.Name }
