package foresight

import (
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/ope"
)

// figure is one statistic of a forecaster k over the units that are drawn.
type figure struct {
	of    func(*Row) *finding.Estimate
	value func(units []*unit, drawn []int, k int) float64
}

var figures = [...]figure{
	{func(r *Row) *finding.Estimate { return &r.RampRecall }, recall(datasets.Ramp)},
	{func(r *Row) *finding.Estimate { return &r.SuddenRecall }, recall(datasets.Sudden)},
	{func(r *Row) *finding.Estimate { return &r.Recall }, recall("")},
	{func(r *Row) *finding.Estimate { return &r.AlarmPrecision }, precision},
	{func(r *Row) *finding.Estimate { return &r.PerDay }, perDay},
	{func(r *Row) *finding.Estimate { return &r.Lead }, medianLead},
	{func(r *Row) *finding.Estimate { return &r.InTime }, inTime},
	{func(r *Row) *finding.Estimate { return &r.Brier }, brier},
	{func(r *Row) *finding.Estimate { return &r.Skill }, skill},
	{func(r *Row) *finding.Estimate { return &r.Foreseeable }, without(datasets.Sudden, skill)},
	{func(r *Row) *finding.Estimate { return &r.ECE }, func(u []*unit, drawn []int, k int) float64 { return calibrationError(u, drawn, k, worthwhile) }},
	{func(r *Row) *finding.Estimate { return &r.ECEAll }, func(u []*unit, drawn []int, k int) float64 { return calibrationError(u, drawn, k, 0) }},
	{func(r *Row) *finding.Estimate { return &r.Cover }, cover},
}

// recall is the part of the incidents of a class, or of all, that an alarm
// announced.
func recall(class string) func(units []*unit, drawn []int, k int) float64 {
	return func(units []*unit, drawn []int, k int) float64 {
		all, announced := 0.0, 0.0
		for _, i := range drawn {
			if u := units[i]; u.incident && (class == "" || u.class == class) {
				all++
				if u.of[k].lead > 0 {
					announced++
				}
			}
		}
		return over(announced, all)
	}
}

func precision(units []*unit, drawn []int, k int) float64 {
	right, wrong := 0.0, 0.0
	for _, i := range drawn {
		right += units[i].of[k].right
		wrong += units[i].of[k].wrong
	}
	return over(right, right+wrong)
}

// perDay counts every alarm, also those of which nothing is known.
func perDay(units []*unit, drawn []int, k int) float64 {
	alarms, days := 0.0, 0.0
	for _, i := range drawn {
		s := &units[i].of[k]
		alarms += s.right + s.wrong + s.censored + s.unresolved
		days += units[i].days
	}
	return over(alarms, days)
}

// medianLead is of the ramps that were announced.
func medianLead(units []*unit, drawn []int, k int) float64 {
	var leads []float64
	for _, i := range drawn {
		if u := units[i]; u.class == datasets.Ramp && u.of[k].lead > 0 {
			leads = append(leads, u.of[k].lead)
		}
	}
	return middle(leads)
}

// middle is the median; it sorts the list.
func middle(list []float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	slices.Sort(list)
	return (list[len(list)/2] + list[(len(list)-1)/2]) / 2
}

// enough is how many times the drain time an announcement should come ahead.
const enough = 2

// inTime is the part of the ramps that were announced early enough to drain.
func inTime(units []*unit, drawn []int, k int) float64 {
	all, early := 0.0, 0.0
	for _, i := range drawn {
		if u := units[i]; u.class == datasets.Ramp {
			all++
			if u.of[k].lead >= enough*u.drain && u.of[k].lead > 0 {
				early++
			}
		}
	}
	return over(early, all)
}

func brier(units []*unit, drawn []int, k int) float64 {
	square, n := 0.0, 0.0
	for _, i := range drawn {
		square += units[i].of[k].square
		n += units[i].n
	}
	return over(square, n)
}

// skill is against whoever always says the base rate of the very decisions
// that are judged: of all constants the best, which nobody could know before.
func skill(units []*unit, drawn []int, k int) float64 {
	failed, n := 0.0, 0.0
	for _, i := range drawn {
		failed += units[i].failed
		n += units[i].n
	}
	rate := over(failed, n)
	if constant := rate * (1 - rate); constant > 0 {
		return 1 - brier(units, drawn, k)/constant
	}
	return math.NaN()
}

// calibrationError is the mean difference between forecast and frequency, over
// the decisions of the bins from the first on.
func calibrationError(units []*unit, drawn []int, k, first int) float64 {
	seen, missed := calibrated(units, drawn, k)
	off, all := 0.0, 0.0
	for b := first; b < bins; b++ {
		off += math.Abs(missed[b])
		all += seen[b]
	}
	return over(off, all)
}

// calibrated counts the decisions in each bin, and by how many failures the
// forecasts exceed those that came.
func calibrated(units []*unit, drawn []int, k int) (seen, missed [bins]float64) {
	for _, i := range drawn {
		s := &units[i].of[k]
		for b := range bins {
			seen[b] += s.seen[b]
			missed[b] += s.forecast[b] - s.failed[b]
		}
	}
	return seen, missed
}

// chance is the error of calibration that honest forecasts would show on as
// many incidents: what draws of the bootstrap differ from all of them. A dozen
// decisions share a failure, so it is not small.
func chance(b *ope.Bootstrap, units []*unit, k, first int) float64 {
	seen, missed := calibrated(units, b.Blocks, k)
	drawn := b.Sample(func(drawn []int) float64 {
		n, m := calibrated(units, drawn, k)
		off, all := 0.0, 0.0
		for i := first; i < bins; i++ {
			if seen[i] > 0 {
				off += math.Abs(m[i] - n[i]/seen[i]*missed[i])
			}
			all += n[i]
		}
		return over(off, all)
	}).Drawn
	sum, count := 0.0, 0.0
	for _, x := range drawn {
		if !math.IsNaN(x) {
			sum, count = sum+x, count+1
		}
	}
	return over(sum, count)
}

// without leaves out the incidents of a class, and what precedes them.
func without(class string, value func([]*unit, []int, int) float64) func([]*unit, []int, int) float64 {
	return func(units []*unit, drawn []int, k int) float64 {
		kept := make([]int, 0, len(drawn))
		for _, i := range drawn {
			if !units[i].incident || units[i].class != class {
				kept = append(kept, i)
			}
		}
		return value(units, kept, k)
	}
}

func cover(units []*unit, drawn []int, k int) float64 {
	covered, timed := 0.0, 0.0
	for _, i := range drawn {
		covered += units[i].of[k].covered
		timed += units[i].of[k].timed
	}
	return over(covered, timed)
}
