package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/predict"
)

var parts = [3]datasets.Part{datasets.Train, datasets.Validation, datasets.Test}

// failure trains, calibrates and judges the failure forecast.
func (f *fitting) failure(ctx context.Context) error {
	found := f.set.limits
	if found == nil {
		found = limitsOf(f.set, f.services, f.cfg)
	}
	examples, onsets := survivals(f.set, found, f.cfg.MinRequests)
	bins := binsOf(f.set.Timing)
	r := &FailureReport{Limits: f.describeLimits(found), Bins: bins}
	f.report.Failure = r
	r.count(f.set, examples, onsets)
	switch {
	case r.Before[0] == 0:
		f.note("no endpoint begins to fail in the training part (%d onsets in all): there is no failure forecast", max(len(onsets), r.Onsets[0]+r.Onsets[1]+r.Onsets[2]))
		return nil
	case r.Rows[1] == 0:
		f.note("the validation part holds no decision about a working endpoint: there is no failure forecast")
		return nil
	}
	network, logistic, hazard, err := hazardTasks(f.set, f.columns, examples, bins, f.warmHazard(bins), f.random(streamFailure))
	if err != nil {
		return err
	}
	if hazard.Layers, r.Courses, err = better(ctx, network, logistic, f.cfg, f.dice(streamFailure+16), f.saved); err != nil {
		return err
	}
	f.diverged(network.stage, &r.Courses.Network)
	f.diverged(logistic.stage, &r.Courses.Logistic)
	f.model.Failure = hazard
	validation, err := f.forecasts(partOf(f.set, examples, datasets.Validation))
	if err != nil {
		return err
	}
	repeats := math.Max(1, float64(f.set.Timing.Horizon/f.set.Timing.Step)) // decisions that one failure follows
	if slices.ContainsFunc(validation, func(v forecasted) bool { return v.failed }) {
		hazard.Calibration = calibrate(validation, hazard.BaseRate, repeats)
		r.Calibrated = true
	} else {
		f.note("no endpoint begins to fail in the validation part: the failure forecast is not calibrated")
	}
	test, err := f.forecasts(partOf(f.set, examples, datasets.Test))
	if err != nil {
		return err
	}
	r.score(test)
	r.Reliability = reliability(test, repeats)
	if r.Before[2] == 0 {
		f.note("no endpoint begins to fail in the test part: the skill of the failure forecast is not known")
	}
	r.Shipped = true
	f.failureFigures(r)
	return nil
}

// describeLimits lists the limits and notes where they come from.
func (f *fitting) describeLimits(found map[string]Limits) []Limit {
	var list []Limit
	var used []string
	for _, s := range f.services {
		l := found[s.Name]
		configured := f.cfg.objectiveOf(s.Name).MaxLatency > 0
		list = append(list, Limit{s.Name, Number(l.Latency), Number(l.Errors), configured})
		switch {
		case configured:
		case math.IsInf(l.Latency, 1):
			used = append(used, s.Name+" none, its latency is unknown")
		default:
			used = append(used, s.Name+" "+rounded(l.Latency))
		}
	}
	if len(used) > 0 {
		f.note("no max latency is configured: an endpoint fails beyond %d times its service's median tail latency, or %v s where that comes first, but never within %d standard deviations of the median; each recording is judged by its own, and in training all together give: %s", tailFactor, alertTail, tailSpread, strings.Join(used, ", "))
	}
	return list
}

func rounded(seconds float64) string {
	return fmt.Sprint(time.Duration(seconds * float64(time.Second)).Round(100 * time.Microsecond))
}

// count says how much there is to learn from in each part.
func (r *FailureReport) count(set *Set, examples []example, onsets []onset) {
	var known []example
	for p, part := range parts {
		found := partOf(set, examples, part)
		if part != datasets.Test {
			known = append(known, found...)
		}
		for _, e := range found {
			r.Rows[p]++
			if e.failed {
				r.Before[p]++
			}
		}
		for _, o := range onsets {
			if set.Histories[o.history].Split.Part(o.at) == part {
				r.Onsets[p]++
			}
		}
		for h := range set.Histories {
			if drawn := set.Histories[h].Drawn; drawn != nil {
				r.Onsets[p] += drawn.Onsets[p]
			}
		}
	}
	r.BaseRate = Number(rateOf(known))
}

// forecasts asks the model, as serving does, for the probability of each
// example whose outcome was watched for the whole horizon.
func (f *fitting) forecasts(examples []example) ([]forecasted, error) {
	p, err := predict.Compile(f.model)
	if err != nil {
		return nil, fmt.Errorf("train: the trained model does not compile: %w", err)
	}
	answers := map[*Moment][]predict.Failure{}
	var list []forecasted
	for _, e := range examples {
		if !e.failed && e.after < f.set.Timing.Horizon {
			continue // censored
		}
		if f.set.timing(e.history).Horizon < f.set.Timing.Horizon {
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
		list = append(list, forecasted{answer[e.index].Probability, e.failed})
	}
	return list, nil
}

// score compares with always saying the base rate. Where nothing failed there
// is no skill to speak of: whoever says less is then the better.
func (r *FailureReport) score(test []forecasted) {
	r.Brier, r.AUROC = Number(brier(test)), Number(auroc(test))
	base := make([]forecasted, len(test))
	for i := range test {
		base[i] = forecasted{float64(r.BaseRate), test[i].failed}
	}
	r.BrierBase = Number(brier(base))
	r.Skill = 1 - r.Brier/r.BrierBase
	if r.Before[2] == 0 {
		r.Skill = Number(math.NaN())
	}
}

func (f *fitting) failureFigures(r *FailureReport) {
	figures := f.model.Card.Figures
	figures["failure.test.brier"] = float64(r.Brier)
	figures["failure.test.brier_skill"] = float64(r.Skill)
	figures["failure.test.auroc"] = float64(r.AUROC)
	figures["failure.test.onsets"] = float64(r.Onsets[2])
	figures["failure.base_rate"] = float64(r.BaseRate)
}
