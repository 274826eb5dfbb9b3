package foresight

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/ope"
)

// Report is what came of judging. It marshals to JSON, where an unknown number
// is null. Times are in seconds, ratios and probabilities from 0 to 1.
type Report struct {
	Refractory float64  `json:"refractory_horizons"`
	Block      float64  `json:"block_horizons"`
	Precision  float64  `json:"precision_asked"`
	Resamples  int      `json:"resamples"`
	Level      float64  `json:"level"`
	Seed       uint64   `json:"seed"`
	Names      []string `json:"forecasters"`
	// Calibrated counts the incidents by which thresholds were chosen, by class.
	Calibrated map[string]float64 `json:"calibrated_incidents"`
	// Sections: of all sources, then of each group where there are several.
	Sections []Section `json:"sections"`
}

// Section judges by some of the sources.
type Section struct {
	Group     string         `json:"group,omitempty"` // empty: all
	Sources   int            `json:"sources"`
	Incidents map[string]int `json:"incidents"`      // by class, that could be foretold
	Unseen    int            `json:"unforetellable"` // incidents without a watched decision before them
	Days      finding.Number `json:"endpoint_days"`
	Decisions finding.Number `json:"decisions"`
	BaseRate  finding.Number `json:"base_rate"`
	Within    int            `json:"decisions_within_incidents"` // not judged
	// Drain is the median, over the ramps, of how long it takes to drain one of
	// the service's endpoints at default limits.
	Drain finding.Number `json:"drain_seconds"`
	Units int            `json:"units"` // of the bootstrap
	Rows  []Row          `json:"rows"`
}

// Row is one forecaster. Recalls are by class of incident; precision is of
// alarms. Brier, its skill and the errors of calibration are of decisions.
type Row struct {
	Name      string         `json:"name"`
	Threshold finding.Number `json:"threshold"`      // above 1: no alarms
	Held      bool           `json:"threshold_held"` // the precision that was asked for, in calibration

	RampRecall     finding.Estimate `json:"ramp_recall"`
	SuddenRecall   finding.Estimate `json:"sudden_recall"`
	Recall         finding.Estimate `json:"recall"`
	AlarmPrecision finding.Estimate `json:"alarm_precision"`
	PerDay         finding.Estimate `json:"alarms_per_endpoint_day"`
	Lead           finding.Estimate `json:"median_lead_seconds"`
	InTime         finding.Estimate `json:"ramps_in_time"` // part of all ramps, announced two drains ahead or more
	Brier          finding.Estimate `json:"brier"`
	Skill          finding.Estimate `json:"brier_skill"`
	ECE            finding.Estimate `json:"ece"` // where the probability is 5 % or more
	// Foreseeable is the skill without failures that nothing announced.
	Foreseeable finding.Estimate `json:"brier_skill_foreseeable"`
	// ECEChance is the ECE that honest forecasts would show on as few incidents.
	ECEChance finding.Number   `json:"ece_by_chance"`
	ECEAll    finding.Estimate `json:"ece_all"`
	Cover     finding.Estimate `json:"cover80"`

	Right      finding.Number `json:"alarms_right"`
	Wrong      finding.Number `json:"alarms_wrong"`
	Censored   finding.Number `json:"alarms_censored"`
	Unresolved finding.Number `json:"alarms_unresolved"`
	// WrongIn are the wrong alarms by what was under way: a ramp that broke
	// later, one that recovered, …; "" nothing.
	WrongIn map[string]float64 `json:"alarms_wrong_in"`
	Timed   finding.Number     `json:"failures_timed"` // part of those before a failure that an interval was said of
	Leads   []float64          `json:"lead_seconds"`   // of ramps that were announced, sorted
	Kinds   []Kind             `json:"kinds"`
	Bins    []Bin              `json:"reliability"`
}

// Kind counts the incidents that come of one kind of fault.
type Kind struct {
	Kind      string `json:"kind"` // empty: of none that is known
	Class     string `json:"class"`
	Incidents int    `json:"incidents"`
	Announced int    `json:"announced"`
}

// Bin compares forecasts that are alike with what became of them.
type Bin struct {
	From      float64          `json:"from"`
	Decisions float64          `json:"decisions"`
	Forecast  finding.Number   `json:"forecast"`
	Observed  finding.Estimate `json:"observed"`
}

func (r *Report) sum(sources []Source, choices []chosen, learned *calibration, results []judged) {
	r.Calibrated = learned.incidents
	var groups []string
	for _, s := range sources {
		if !slices.Contains(groups, s.Group) {
			groups = append(groups, s.Group)
		}
	}
	if len(groups) > 1 {
		groups = append([]string{""}, groups...)
	} else {
		groups = []string{""}
	}
	for _, group := range groups {
		s := Section{Group: group, Incidents: map[string]int{}}
		var units []*unit
		began := 0
		for i := range results {
			if group == "" || sources[i].Group == group {
				s.Sources++
				s.Within += results[i].within
				began += results[i].incidents
				units = append(units, results[i].units...)
			}
		}
		r.section(&s, units, choices)
		for _, n := range s.Incidents {
			began -= n
		}
		s.Unseen = max(began, 0)
		r.Sections = append(r.Sections, s)
	}
}

func (r *Report) section(s *Section, units []*unit, choices []chosen) {
	all := make([]int, len(units))
	n, failed := 0.0, 0.0
	var drains []float64
	for i, u := range units {
		all[i] = i
		s.Days += finding.Number(u.days)
		n, failed = n+u.n, failed+u.failed
		if u.incident {
			s.Incidents[u.class]++
		}
		if u.class == datasets.Ramp {
			drains = append(drains, u.drain)
		}
	}
	s.Units, s.Decisions, s.BaseRate = len(units), finding.Number(n), finding.Number(over(failed, n))
	s.Drain = finding.Number(middle(drains))
	b := ope.NewBootstrap(all, r.Resamples, r.Level, r.Seed)
	reference := map[int]ope.Sample{}
	for k, name := range r.Names {
		row := Row{Name: name, Threshold: finding.Number(choices[k].Threshold), Held: choices[k].Held}
		for i, one := range figures {
			sample := b.Sample(func(drawn []int) float64 { return one.value(units, drawn, k) })
			if k == 0 {
				reference[i] = sample
				*one.of(&row) = b.Estimate(sample)
			} else {
				*one.of(&row) = b.Against(sample, reference[i])
			}
		}
		row.ECEChance = finding.Number(chance(b, units, k, worthwhile))
		row.count(b, units, k)
		s.Rows = append(s.Rows, row)
	}
}

// count fills in what has no interval, or one of its own.
func (row *Row) count(b *ope.Bootstrap, units []*unit, k int) {
	row.WrongIn = map[string]float64{}
	type fault struct{ class, kind string }
	kinds := map[fault]*Kind{}
	failed, timed := 0.0, 0.0
	for _, u := range units {
		s := &u.of[k]
		row.Right += finding.Number(s.right)
		row.Wrong += finding.Number(s.wrong)
		row.Censored += finding.Number(s.censored)
		row.Unresolved += finding.Number(s.unresolved)
		for c, n := range s.wrongIn {
			if n > 0 {
				row.WrongIn[faultClasses[c]] += n
			}
		}
		failed, timed = failed+u.failed, timed+s.timed
		if !u.incident {
			continue
		}
		one := kinds[fault{u.class, u.kind}]
		if one == nil {
			one = &Kind{Kind: u.kind, Class: u.class}
			kinds[fault{u.class, u.kind}] = one
		}
		one.Incidents++
		if s.lead > 0 {
			one.Announced++
			if u.class == datasets.Ramp {
				row.Leads = append(row.Leads, s.lead)
			}
		}
	}
	slices.Sort(row.Leads)
	row.Timed = finding.Number(over(timed, failed))
	for one := range maps.Values(kinds) {
		row.Kinds = append(row.Kinds, *one)
	}
	slices.SortFunc(row.Kinds, func(a, b Kind) int { return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Kind, b.Kind)) })
	for bin := range bins {
		row.bin(b, units, k, bin)
	}
}

func (row *Row) bin(b *ope.Bootstrap, units []*unit, k, bin int) {
	seen, forecast := 0.0, 0.0
	for _, u := range units {
		seen += u.of[k].seen[bin]
		forecast += u.of[k].forecast[bin]
	}
	if seen == 0 {
		return
	}
	out := Bin{Decisions: seen, Forecast: finding.Number(forecast / seen)}
	if bin > 0 {
		out.From = edges[bin-1]
	}
	out.Observed = b.Estimate(b.Sample(func(drawn []int) float64 {
		seen, failed := 0.0, 0.0
		for _, i := range drawn {
			seen += units[i].of[k].seen[bin]
			failed += units[i].of[k].failed[bin]
		}
		return over(failed, seen)
	}))
	row.Bins = append(row.Bins, out)
}

// over is NaN where there is nothing to divide by.
func over(sum, weight float64) float64 {
	if weight == 0 {
		return math.NaN()
	}
	return sum / weight
}
