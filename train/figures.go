package train

import (
	"fmt"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
)

// judge judges the routing network in one part; in validation it says too what
// its inputs are worth.
func (f *fitting) judge(part datasets.Part, skip map[string]bool) (Judgement, error) {
	j, err := newJudge(f, skip)
	if err != nil {
		return Judgement{}, err
	}
	h, err := j.hear(part)
	if err != nil {
		return Judgement{}, err
	}
	for _, why := range h.unread {
		f.note("%s", why)
	}
	result := h.judgement(f.random(streamBootstrap))
	if part == datasets.Validation && result.Errors != nil {
		result.Errors.Importance, err = j.importance(part, f.random(streamImportance))
	}
	return result, err
}

func (f *fitting) routingFigures(r *RoutingReport) {
	figures := f.model.Card.Figures
	for part, j := range map[string]*Judgement{"validation": &r.Validation, "test": &r.Test} {
		if f.cfg.Network == model.Outcome {
			figures[part+".mean_log_rmse"] = float64(j.Mean)
			figures[part+".mean_log_rmse_persistence"] = float64(j.MeanPersistence)
			figures[part+".cost_error_seconds"] = float64(j.Cost)
			figures[part+".cost_error_seconds_persistence"] = float64(j.CostPersistence)
		}
		if c := map[string]*Coverage{"validation": r.ValidationCoverage, "test": r.TestCoverage}[part]; c != nil {
			figures[part+".risk_coverage_area"] = float64(c.Curves[0].Area)
			figures[part+".risk_coverage_area_gain"] = float64(c.Gain)
			figures[part+".coverage"] = float64(c.Answered.Decisions) / float64(c.Decisions)
		}
		if len(j.Ways) == ways {
			figures[part+".cost_seconds"] = float64(j.Ways[byNetwork].Cost)
			figures[part+".cost_seconds_persistence"] = float64(j.Ways[byPersistence].Cost)
			figures[part+".cost_seconds_historically_best"] = float64(j.Ways[byHistory].Cost)
			figures[part+".cost_seconds_hindsight"] = float64(j.Ways[byHindsight].Cost)
		}
	}
	if r.Test.Errors != nil {
		r.Test.Errors.figures(figures)
	}
}

// headlines are the scores that go into the card.
var headlines = [...]score{{ofMean, relative}, {ofP50, pinball}, {ofP90, pinball}, {ofP99, pinball}, {ofErrors, brierScore}}

// figures are those of the test part: the network's loss, and its rivals'.
func (e *Errors) figures(figures model.Figures) {
	for _, s := range headlines {
		for _, by := range [...]string{byWindows, byRequests} {
			told := e.find(s.of, s.by, by)
			if told == nil {
				continue
			}
			name := fmt.Sprintf("test.%s_%s", told.Of, told.Score)
			if by == byRequests {
				name += "_of_requests"
			}
			figures[name] = float64(told.Rivals[rivalNetwork].Loss)
			figures[name+"_persistence"] = float64(told.Rivals[rivalPersistence].Loss)
			figures[name+"_ewma"] = float64(told.Rivals[rivalEWMA].Loss)
		}
	}
}
