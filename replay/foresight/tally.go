package foresight

import (
	"math"
	"sort"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/train"
)

// edges are the bins in which probabilities are compared with frequencies:
// tenths, the lowest of which is parted, since most forecasts lie there. They
// were set before any result was seen.
var edges = [...]float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}

const (
	bins = len(edges) + 1
	// worthwhile is the first bin of probabilities of 5 % and more.
	worthwhile = 6
)

func binOf(p float64) int { return sort.Search(len(edges), func(i int) bool { return p < edges[i] }) }

// unit is what the bootstrap draws: an incident with the decisions within a
// horizon before it, or a stretch of a service without one. Failures that come
// together are one incident, and so one draw.
type unit struct {
	source   int
	group    string
	incident bool
	class    string  // of an incident
	kind     string  // of the fault that it comes of
	drain    float64 // s that it takes to drain one of the service's endpoints

	days      float64 // that endpoints were watched
	n, failed float64 // decisions of which it is known what became
	of        []sums  // by forecaster
}

// sums are of one forecaster in one unit.
type sums struct {
	right, wrong, censored, unresolved float64 // alarms
	wrongIn                            [len(faultClasses)]float64
	lead                               float64 // s from the first alarm to the onset; 0: there was none
	square                             float64 // of what probabilities were off
	timed, covered                     float64 // failures with an interval of time; within it
	forecast                           [bins]float64
	seen                               [bins]float64
	failed                             [bins]float64
}

// faultClasses are what may be under way when an alarm is raised for nothing.
var faultClasses = [...]string{"", datasets.Ramp, datasets.Recovered, datasets.Sudden, datasets.Benign}

// standard is what calibration found, by forecaster, which all sources for test
// are judged by.
type standard struct {
	cfg      *Config
	chosen   []chosen
	mappings []*[cells]float64 // nil: the score is the probability
}

// judging tallies one source for test.
type judging struct {
	*standard
	source    int
	quiet     map[[2]string][]time.Time
	incidents map[int]*unit
	stretches map[stretch]*unit
	units     []*unit
	within    int // decisions within an incident or its cool-down, which do not count
}

type stretch struct {
	service string
	block   int64
}

func newJudging(s *standard, source int) *judging {
	return &judging{standard: s, source: source, quiet: map[[2]string][]time.Time{}, incidents: map[int]*unit{}, stretches: map[stretch]*unit{}}
}

func (j *judging) row(w *walk, r *row) {
	if !r.fate.Watched {
		j.within++
		return
	}
	u := j.unit(w, r)
	u.days += w.timing.Step.Hours() / 24
	known := w.known(r)
	counts := known && !r.acted
	failed := 0.0
	if r.fate.Failed {
		failed = 1
	}
	if counts {
		u.n += r.weight
		u.failed += r.weight * failed
	}
	key := [2]string{r.service, r.endpoint}
	quiet := j.quiet[key]
	if quiet == nil {
		quiet = make([]time.Time, len(j.chosen))
		j.quiet[key] = quiet
	}
	for k := range j.chosen {
		f, s := r.of(k), &u.of[k]
		if f.Score >= j.chosen[k].Threshold && !r.at.Before(quiet[k]) {
			quiet[k] = r.at.Add(w.horizons(j.cfg.Refractory))
			s.alarm(w, r, known)
		}
		if counts {
			s.score(r, j.probability(k, f.Score), failed, f.Time)
		}
	}
}

// score compares a probability, and a time, with what became of a decision;
// failed is 1 or 0.
func (s *sums) score(r *row, p, failed float64, when [3]float64) {
	b := binOf(p)
	s.seen[b] += r.weight
	s.forecast[b] += r.weight * p
	s.failed[b] += r.weight * failed
	s.square += r.weight * (p - failed) * (p - failed)
	if r.fate.Failed && when[0] <= when[2] { // no times: NaN
		s.timed += r.weight
		if after := r.fate.After.Seconds(); when[0] <= after && after <= when[2] {
			s.covered += r.weight
		}
	}
}

// alarm counts one. What would have come of an endpoint that was acted on is
// not known, unless it failed all the same.
func (s *sums) alarm(w *walk, r *row, known bool) {
	switch {
	case r.fate.Failed:
		s.right += r.weight
		s.lead = math.Max(s.lead, w.lead(r).Seconds())
	case r.acted:
		s.censored++
	case !known:
		s.unresolved++
	default:
		s.wrong += r.weight
		s.wrongIn[classAt(w.faults, r)] += r.weight
	}
}

// classAt is what was under way at an endpoint, as a position in faultClasses.
func classAt(faults []datasets.Fault, r *row) int {
	for i := range faults {
		f := &faults[i]
		if f.At(r.at) && f.Service == r.service && (f.Endpoint == r.endpoint || f.Endpoint == "") {
			for c, class := range faultClasses {
				if class == f.Class() {
					return c
				}
			}
		}
	}
	return 0
}

func (j *judging) probability(k int, score float64) float64 {
	if m := j.mappings[k]; m != nil {
		return m[cell(score)]
	}
	if score >= 0 && score <= 1 {
		return score
	}
	return 0
}

// unit is the one that a decision belongs to.
func (j *judging) unit(w *walk, r *row) *unit {
	if r.fate.Failed {
		u := j.incidents[r.fate.Incident]
		if u == nil {
			u = j.begin(w)
			u.incident = true
			u.drain = router.DrainTime(w.timing.Step, r.endpoints, rules.DefaultLimits()).Seconds()
			j.incidents[r.fate.Incident] = u
		}
		return u
	}
	s := stretch{r.service, r.at.UnixNano() / int64(w.horizons(j.cfg.Block))}
	u := j.stretches[s]
	if u == nil {
		u = j.begin(w)
		j.stretches[s] = u
	}
	return u
}

func (j *judging) begin(w *walk) *unit {
	u := &unit{source: j.source, group: w.source.Group, of: make([]sums, len(j.chosen))}
	j.units = append(j.units, u)
	return u
}

// finish names the incidents, now that they are whole.
func (j *judging) finish(w *walk) {
	incidents := w.incidents()
	for i, u := range j.incidents {
		u.class = incidents[i].Class(w.faults)
		u.kind = kindOf(&incidents[i], w.faults)
	}
}

// kindOf is the kind of the fault under way when an incident began; of several
// the last that began.
func kindOf(i *train.Incident, faults []datasets.Fault) string {
	kind := ""
	for k := range faults {
		f := &faults[k]
		if f.Service != i.Service || f.Start.After(i.Start) || f.End.Before(i.Start) {
			continue
		}
		for _, failure := range i.Failures {
			if f.Endpoint == failure.Endpoint || f.Endpoint == "" {
				kind = f.Kind
				break
			}
		}
	}
	return kind
}
