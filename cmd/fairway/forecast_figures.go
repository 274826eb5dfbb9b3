package main

import (
	"math"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/foresight"
)

// forecastFigures are the last line of `fairway bench forecast`; what was not
// measured is null. Ratios are from 0 to 1.
type forecastFigures struct {
	// Of the public data: the Numenta Anomaly Benchmark's own score, standard
	// profile; the same with threshold and refractory chosen on half of the
	// files and applied to the other; the area under precision and recall on the
	// Server Machine Dataset, point by point; and how often the faulty pod of
	// Nezha is ranked first and among the first three.
	NABStandard finding.Number `json:"nab_standard"`
	NABCrossfit finding.Number `json:"nab_crossfit"`
	SMD         finding.Number `json:"smd_auc_pr"`
	NezhaTop1   finding.Number `json:"nezha_top1"`
	NezhaTop3   finding.Number `json:"nezha_top3"`
	// Of all recordings that are judged: ramps that ended in failure and were
	// announced; alarms that were right; the median time from the first right
	// alarm to the onset of a ramp, and how long a drain takes at default limits.
	Recall    finding.Number `json:"incident_recall"`
	Precision finding.Number `json:"alarm_precision"`
	Lead      finding.Number `json:"median_lead_s"`
	Drain     finding.Number `json:"drain_s"`
	ECE       finding.Number `json:"ece"` // where the probability is 5 % or more
	Skill     finding.Number `json:"brier_skill"`
	Cover     finding.Number `json:"cover80"`
	// Nanoseconds of one core per endpoint and window: all that an extractor does
	// with 8 metrics, and the forecast.
	Cost finding.Number `json:"ns_per_endpoint_window"`
}

// headline takes the figures of the first forecaster, on all recordings.
func headline(r *foresight.Report) *forecastFigures {
	nan := finding.Number(math.NaN())
	s := &r.Sections[0]
	row := &s.Rows[0]
	return &forecastFigures{
		NABStandard: nan, NABCrossfit: nan, SMD: nan, NezhaTop1: nan, NezhaTop3: nan, Cost: nan,
		Recall: row.RampRecall.Value, Precision: row.AlarmPrecision.Value, Lead: row.Lead.Value, Drain: s.Drain,
		ECE: row.ECE.Value, Skill: row.Skill.Value, Cover: row.Cover.Value,
	}
}
