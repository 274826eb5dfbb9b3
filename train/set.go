package train

import (
	"cmp"
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
	Timing   mesh.Timing      // the model's: it is served with one
	Features *features.Config // what made X; nil when it was made otherwise
	// Histories are learned from together. Each is split by its own times, so
	// none may overlap another.
	Histories []History

	limits map[string]Limits // by which Fates were told; nil: those of the Histories
	notes  []string          // what the model's card is to say of how it was made
}

// History is one recording as it was walked.
type History struct {
	Provenance model.Provenance
	// Timing is how the recording was looked at; zero: as the Set says. Each
	// history may have its own. Failures are learned as far ahead as both look;
	// the forecast is judged and calibrated where the history's looks as far as
	// the Set's.
	Timing  mesh.Timing
	Split   datasets.Split
	Moments []Moment // in order of time, then service
	// Drawn says what the recording held, where Moments are but a part of it,
	// which was drawn; nil where they are all.
	Drawn *Drawn
	// Log streams the requests of the recording, which only the report asks
	// for; nil where there is no log.
	Log iter.Seq2[datasets.Request, error]
	// limits are those of the recording's services, as it is judged by itself:
	// another one's may be other services of the same name. nil: the set's.
	limits map[string]Limits
}

// Drawn is what a history held of which a part was drawn, in the training, the
// validation and the test part.
type Drawn struct{ Decisions, Onsets [3]int }

// Moment is one decision of one service.
type Moment struct {
	Service   string
	Time      time.Time
	Endpoints []string
	X         []float32 // endpoints × columns, row by row; NaN = unknown
	Now       []Seen    // per endpoint, in the window that was decided upon
	After     []Seen    // per endpoint, while the decision was in force
	// Weight is how many decisions this one stands for, as a multiple of their
	// mean; 0 counts as 1.
	Weight float64
	// Fates say, per endpoint, whether it begins to fail. nil: the history's
	// Moments tell, being all there are.
	Fates []Fate
	// pasts are, per endpoint, what persistence and the moving averages know;
	// nil: the history's Moments tell.
	pasts []recalled
}

// weight is the Weight, or 1 where none is given.
func (m *Moment) weight() float64 { return cmp.Or(m.Weight, 1) }

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

// timing is how history h was looked at.
func (s *Set) timing(h int) mesh.Timing { return cmp.Or(s.Histories[h].Timing, s.Timing) }

// foresight is the timing by which history h is watched for failures.
func (s *Set) foresight(h int) mesh.Timing {
	t := s.timing(h)
	t.Horizon = min(t.Horizon, s.Timing.Horizon)
	return t
}

// Validate reports the first shape that does not fit or order that is wrong.
func (s *Set) Validate() error {
	if len(s.Columns) == 0 || s.Timing.Step <= 0 || s.Timing.Horizon <= 0 {
		return fmt.Errorf("train: a set needs columns, a step and a horizon; it has %d, %v, %v", len(s.Columns), s.Timing.Step, s.Timing.Horizon)
	}
	count := 0
	for h := range s.Histories {
		if err := s.validateHistory(h); err != nil {
			return err
		}
		count += len(s.Histories[h].Moments)
	}
	if count == 0 {
		return errors.New("train: no decisions to learn from; is the recording longer than range + delay + horizon?")
	}
	return nil
}

func (s *Set) validateHistory(n int) error {
	h, t := &s.Histories[n], s.timing(n)
	if t.Step <= 0 || t.Horizon <= 0 {
		return fmt.Errorf("train: %s: a step of %v and a horizon of %v; want both above 0", h.Provenance.Path, t.Step, t.Horizon)
	}
	if err := apart(&h.Split, t.Purge()); err != nil {
		return fmt.Errorf("train: %s: %w", h.Provenance.Path, err)
	}
	for i := range h.Moments {
		m := &h.Moments[i]
		n := len(m.Endpoints)
		if len(m.X) != n*len(s.Columns) || len(m.Now) != n || len(m.After) != n || m.Fates != nil && len(m.Fates) != n {
			return fmt.Errorf("train: %s %s at %s: %d endpoints, %d feature values for %d columns, %d and %d observations, %d fates", h.Provenance.Path, m.Service, m.Time.Format(time.RFC3339), n, len(m.X), len(s.Columns), len(m.Now), len(m.After), len(m.Fates))
		}
		if i > 0 && m.Time.Before(h.Moments[i-1].Time) {
			return fmt.Errorf("train: %s: %s comes after %s", h.Provenance.Path, m.Time.Format(time.RFC3339), h.Moments[i-1].Time.Format(time.RFC3339))
		}
	}
	return nil
}

// apart reports parts of a split that are not in order of time with a gap
// between them: then validation would choose, and test judge, by what training
// has seen.
func apart(s *datasets.Split, gap time.Duration) error {
	if s.Whole() != datasets.None {
		return nil
	}
	for _, p := range [2]struct {
		name       string
		end, start time.Time
	}{{"validation", s.TrainEnd, s.ValidationStart}, {"test", s.ValidationEnd, s.TestStart}} {
		if p.start.Sub(p.end) < gap {
			return fmt.Errorf("the %s part begins %v after the end of the part before; want at least %v, range, delay and horizon", p.name, p.start.Sub(p.end), gap)
		}
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
