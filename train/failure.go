package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

var parts = [3]datasets.Part{datasets.Train, datasets.Validation, datasets.Test}

// failure trains, calibrates and judges the failure forecast.
func (f *fitting) failure(ctx context.Context) error {
	found := f.set.limits
	if found == nil {
		found = limitsOf(f.set, f.services, f.cfg)
	}
	examples, onsets := f.survivals(found)
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
	layers, courses, err := forms(ctx, network, logistic, f.cfg, f.dice(streamFailure+streamDescent), f.saved)
	if err != nil {
		return err
	}
	r.Courses = courses
	f.diverged(network.stage, &r.Courses.Network)
	f.diverged(logistic.stage, &r.Courses.Logistic)
	if err := f.judgeForms(hazard, layers, examples, r); err != nil {
		return err
	}
	if !r.Calibrated {
		f.note("no endpoint begins to fail in the validation part: the failure forecast is not calibrated")
	}
	if r.Before[2] == 0 {
		f.note("no endpoint begins to fail in the test part: the skill of the failure forecast is not known")
	}
	r.Shipped = true
	f.failureFigures(r)
	return nil
}

// judgeForms calibrates and judges both forms, the one that ships last: it is the
// first of the layers, and the model is left with it.
func (f *fitting) judgeForms(hazard *model.Hazard, layers [2][]model.Layer, examples []example, r *FailureReport) (err error) {
	other := *hazard
	other.Layers, hazard.Layers = layers[1], layers[0]
	if r.Other, err = f.judgeFailure(&other, examples, r); err != nil {
		return err
	}
	r.Rival = &other
	r.ForecastScores, err = f.judgeFailure(hazard, examples, r)
	return err
}

// judgeFailure makes a hazard the model's, calibrates it on the validation part
// and judges it by the test part.
func (f *fitting) judgeFailure(h *model.Hazard, examples []example, r *FailureReport) (s ForecastScores, err error) {
	f.model.Failure = h
	if err := f.calibrate(h, partOf(f.set, examples, datasets.Validation), r); err != nil {
		return s, err
	}
	test, err := f.forecasts(partOf(f.set, examples, datasets.Test))
	if err != nil {
		return s, err
	}
	r.Reliability = reliability(plain(test), f.repeats())
	return scoresOf(test, float64(r.BaseRate), r.Before[2] > 0), nil
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
		f.note("no max latency is configured: an endpoint fails beyond %d times its service's median tail latency, or %v s where that comes first, but never within %d standard deviations of the median; each recording is judged by its own, and in training all together give: %s", features.TailFactor, features.AlertTail, features.TailSpread, strings.Join(used, ", "))
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

// survivals are those of the set, their times in its steps.
func (f *fitting) survivals(found map[string]Limits) ([]example, []onset) {
	examples, onsets := survivals(f.set, found, f.cfg.MinRequests)
	for i := range examples {
		e := &examples[i]
		e.after = f.set.paced(e.history, e.after)
	}
	return examples, onsets
}

// repeats is how many decisions one failure follows.
func (f *fitting) repeats() float64 {
	return math.Max(1, float64(f.set.Timing.Horizon/f.set.Timing.Step))
}

// calibrate fits the calibrations, and the levels of the time to what they make
// of the forecasts: only where a failure is likely is a time told.
func (f *fitting) calibrate(hazard *model.Hazard, validation []example, r *FailureReport) error {
	raw, err := f.forecasts(validation)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(raw, func(v answered) bool { return v.failed }) {
		return nil
	}
	var list []calibrating
	for _, v := range raw {
		list = append(list, v.calibrating)
	}
	hazard.Calibration, hazard.Classes = vennAbers(list, f.repeats()), byTraffic(list, f.repeats())
	r.Calibrated = true
	likely, err := f.forecasts(validation)
	if err != nil {
		return err
	}
	in, err := earlierInputs(f.set, hazard.Columns, hazard.Scaler)
	if err != nil {
		return err
	}
	var elapsed []float64
	x := make([]float32, len(in.names))
	for _, v := range likely {
		if !v.failed || !v.Likely {
			continue
		}
		in.scaled(x, v.moment.row(v.index, len(f.set.Columns)))
		logits, err := forward(hazard.Layers, x)
		if err != nil {
			return err
		}
		elapsed = append(elapsed, predict.Elapsed(hazard.Bins, logits, v.after))
	}
	hazard.Levels = timeLevels(elapsed)
	return nil
}
