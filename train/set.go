package train

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// Set is what there is to learn from: decisions, and what came after each. It
// is not written by Fit.
type Set struct {
	Columns  []string // of every Moment's X
	Schema   mesh.Schema
	Timing   mesh.Timing
	Features *features.Config // what made X; nil when it was made otherwise
	// Histories are learned from together. Each is split by its own times, so
	// none may overlap another.
	Histories []History
}

// History is one recording as it was walked.
type History struct {
	Provenance model.Provenance
	Split      datasets.Split
	Moments    []Moment // in order of time, then service
	// Log streams the requests of the recording, which only the report asks
	// for; nil where there is no log.
	Log iter.Seq2[datasets.Request, error]
}

// Moment is one decision of one service.
type Moment struct {
	Service   string
	Time      time.Time
	Endpoints []string
	X         []float32 // endpoints × columns, row by row; NaN = unknown
	Now       []Seen    // per endpoint, in the window that was decided upon
	After     []Seen    // per endpoint, while the decision was in force
}

// Seen is what the metrics said of one endpoint over one span; NaN = unknown.
type Seen struct {
	Rate                float64 // requests/s
	Requests            float64
	Mean, P50, P90, P99 float64 // latency, s
	ErrorRatio          float64
	Up                  float64 // 0 or 1
}

// Tail is the latency that is watched for breaches: p99, else p90, else the
// mean.
func (s *Seen) Tail() float64 {
	for _, v := range [...]float64{s.P99, s.P90} {
		if !math.IsNaN(v) {
			return v
		}
	}
	return s.Mean
}

// row returns the features of endpoint i.
func (m *Moment) row(i, columns int) []float32 { return m.X[i*columns : (i+1)*columns] }

// column is the position of the named column, or an error.
func (s *Set) column(name string) (int, error) {
	if i := slices.Index(s.Columns, name); i >= 0 {
		return i, nil
	}
	return -1, fmt.Errorf("train: the set has no column %q; it has %q", name, s.Columns)
}

// Services lists the services of all histories, sorted.
func (s *Set) Services() []string {
	var names []string
	for _, h := range s.Histories {
		for i := range h.Moments {
			names = append(names, h.Moments[i].Service)
		}
		slices.Sort(names)
		names = slices.Compact(names)
	}
	return names
}

// Merge joins sets that were collected with the same schema, timing and
// columns.
func Merge(sets ...*Set) (*Set, error) {
	if len(sets) == 0 {
		return nil, errors.New("train: nothing to merge")
	}
	first := sets[0]
	all := *first
	all.Histories = slices.Clone(first.Histories)
	for _, s := range sets[1:] {
		switch {
		case !slices.Equal(s.Columns, first.Columns):
			return nil, fmt.Errorf("train: %s and %s have different columns", first.name(), s.name())
		case s.Timing != first.Timing:
			return nil, fmt.Errorf("train: %s has timing %+v, %s %+v; give --window and --horizon", first.name(), first.Timing, s.name(), s.Timing)
		case s.Schema.Hash() != first.Schema.Hash():
			return nil, fmt.Errorf("train: %s has schema %s, %s has %s; one model learns from one schema", first.name(), first.Schema.Name, s.name(), s.Schema.Name)
		}
		all.Histories = append(all.Histories, s.Histories...)
	}
	return &all, nil
}

func (s *Set) name() string {
	if len(s.Histories) == 0 {
		return "an empty set"
	}
	return s.Histories[0].Provenance.Path
}

// Validate reports the first shape that does not fit or order that is wrong.
func (s *Set) Validate() error {
	if len(s.Columns) == 0 || s.Timing.Step <= 0 || s.Timing.Horizon <= 0 {
		return fmt.Errorf("train: a set needs columns, a step and a horizon; it has %d, %v, %v", len(s.Columns), s.Timing.Step, s.Timing.Horizon)
	}
	count := 0
	for _, h := range s.Histories {
		for i := range h.Moments {
			m := &h.Moments[i]
			n := len(m.Endpoints)
			if len(m.X) != n*len(s.Columns) || len(m.Now) != n || len(m.After) != n {
				return fmt.Errorf("train: %s %s at %s: %d endpoints, %d feature values for %d columns, %d and %d observations", h.Provenance.Path, m.Service, m.Time.Format(time.RFC3339), n, len(m.X), len(s.Columns), len(m.Now), len(m.After))
			}
			if i > 0 && m.Time.Before(h.Moments[i-1].Time) {
				return fmt.Errorf("train: %s: %s comes after %s", h.Provenance.Path, m.Time.Format(time.RFC3339), h.Moments[i-1].Time.Format(time.RFC3339))
			}
			count++
		}
	}
	if count == 0 {
		return errors.New("train: no decisions to learn from; is the recording longer than range + delay + horizon?")
	}
	return nil
}

// each calls f with every moment of the wanted part.
func (s *Set) each(part datasets.Part, f func(h int, m *Moment)) {
	for h := range s.Histories {
		history := &s.Histories[h]
		for i := range history.Moments {
			if history.Split.Part(history.Moments[i].Time) == part {
				f(h, &history.Moments[i])
			}
		}
	}
}
