package train

import (
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/predict"
)

// answered is an example whose outcome is known, and what the model said.
type answered struct {
	calibrating
	*example
	predict.Failure
}

func plain(list []answered) []forecasted {
	out := make([]forecasted, len(list))
	for i := range list {
		out[i] = list[i].forecasted
	}
	return out
}

// forecasts asks the model, as serving does, for the probability of each
// example whose outcome was watched for the whole horizon.
func (f *fitting) forecasts(examples []example) ([]answered, error) {
	p, err := predict.Compile(f.model)
	if err != nil {
		return nil, fmt.Errorf("train: the trained model does not compile: %w", err)
	}
	requests, err := f.set.column("log_requests")
	if err != nil {
		return nil, err
	}
	answers := map[*Moment][]predict.Failure{}
	var list []answered
	for i := range examples {
		e := &examples[i]
		if !e.failed && e.after < f.set.Timing.Horizon {
			continue // censored
		}
		if f.set.paced(e.history, f.set.foresight(e.history).Horizon) < f.set.Timing.Horizon {
			continue // only failures would be left of this history
		}
		answer, ok := answers[e.moment]
		if !ok {
			answer = make([]predict.Failure, len(e.moment.Endpoints))
			if err := p.Forecast(answer, f.set.frame(e.moment)); err != nil {
				return nil, fmt.Errorf("train: judging: %w", err)
			}
			answers[e.moment] = answer
		}
		busy := math.Expm1(float64(e.moment.row(e.index, len(f.set.Columns))[requests]))
		list = append(list, answered{calibrating{forecasted{answer[e.index].Probability, e.failed}, busy}, e, answer[e.index]})
	}
	return list, nil
}

// scoresOf compares with always saying the base rate. Where nothing failed there
// is no skill to speak of: whoever says less is then the better.
func scoresOf(answers []answered, rate float64, failures bool) ForecastScores {
	test := plain(answers)
	base := make([]forecasted, len(test))
	for i := range test {
		base[i] = forecasted{rate, test[i].failed}
	}
	s := ForecastScores{Brier: Number(brier(test)), BrierBase: Number(brier(base)), AUROC: Number(auroc(test)), ECE: Number(calibrationError(test)), Covered: Number(covered(answers))}
	s.Skill = 1 - s.Brier/s.BrierBase
	if !failures {
		s.Skill = Number(math.NaN())
	}
	return s
}

// covered is the part of the failures that were likely which came between the
// 10 and the 90 % quantile of the time that was told; NaN without any.
func covered(list []answered) float64 {
	in, all := 0.0, 0.0
	for _, v := range list {
		if !v.failed || !v.Likely {
			continue
		}
		all++
		if at := v.after.Seconds(); at >= v.Time[0] && at <= v.Time[2] {
			in++
		}
	}
	return in / all
}

func (f *fitting) failureFigures(r *FailureReport) {
	figures := f.model.Card.Figures
	figures["failure.test.brier"] = float64(r.Brier)
	figures["failure.test.brier_skill"] = float64(r.Skill)
	figures["failure.test.auroc"] = float64(r.AUROC)
	figures["failure.test.calibration_error"] = float64(r.ECE)
	figures["failure.test.time_covered"] = float64(r.Covered)
	figures["failure.test.onsets"] = float64(r.Onsets[2])
	figures["failure.base_rate"] = float64(r.BaseRate)
}
