package foresight

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// ErrLeak says that a forecast knows what it cannot know.
var ErrLeak = errors.New("a leak")

// Frames makes frames of windows that come in order of time, as an extractor
// does.
type Frames func(iter.Seq2[mesh.Window, error]) iter.Seq2[*features.Frame, error]

// Extracted are the frames of an extractor.
func Extracted(cfg features.Config) Frames {
	return func(windows iter.Seq2[mesh.Window, error]) iter.Seq2[*features.Frame, error] {
		return func(yield func(*features.Frame, error) bool) {
			x := features.New(cfg)
			for w, err := range windows {
				if err != nil {
					yield(nil, err)
					return
				}
				if f, err := x.Push(w); !yield(f, err) || err != nil {
					return
				}
			}
		}
	}
}

// Causal looks for features and forecasts that depend on what comes after
// them: at each cut, a position in windows, it makes everything from there on
// another story, and asks whether anything changes before. It returns ErrLeak
// with the first feature or forecast that does.
func Causal(windows []mesh.Window, t mesh.Timing, cuts []int, frames Frames, entries []Entry) error {
	whole, err := trail(windows, t, frames, entries)
	if err != nil {
		return err
	}
	for _, cut := range cuts {
		other, err := trail(retold(windows, cut), t, frames, entries)
		if err != nil {
			return err
		}
		for i := range whole {
			if !whole[i].time.Before(windows[cut].Time) {
				break
			}
			if i >= len(other) {
				return fmt.Errorf("foresight: %w: the frame of %s at %s is not there when what comes from %s on is another story", ErrLeak, whole[i].service, stamp(whole[i].time), stamp(windows[cut].Time))
			}
			if what := whole[i].differs(&other[i], entries); what != "" {
				return fmt.Errorf("foresight: %w: %s of %s at %s depends on what comes from %s on", ErrLeak, what, whole[i].service, stamp(whole[i].time), stamp(windows[cut].Time))
			}
		}
	}
	return nil
}

// step is one frame and what was foretold from it.
type step struct {
	service   string
	time      time.Time
	names     []string
	x         []float32
	forecasts [][]Forecast
}

func trail(windows []mesh.Window, t mesh.Timing, frames Frames, entries []Entry) ([]step, error) {
	var forecasters []Forecaster
	for _, e := range entries {
		one, err := e.New(t)
		if err != nil {
			return nil, err
		}
		forecasters = append(forecasters, one)
	}
	var out []step
	for f, err := range frames(func(yield func(mesh.Window, error) bool) {
		for _, w := range windows {
			if !yield(w, nil) {
				return
			}
		}
	}) {
		if err != nil {
			return nil, err
		}
		s := step{service: f.Service, time: f.Time, names: f.Names, x: slices.Clone(f.X)}
		for _, one := range forecasters {
			dst := make([]Forecast, len(f.Endpoints))
			if err := one.Forecast(dst, f); err != nil {
				return nil, err
			}
			s.forecasts = append(s.forecasts, dst)
		}
		out = append(out, s)
	}
	return out, nil
}

// differs names what is not equal in two steps; empty where all is.
func (s *step) differs(o *step, entries []Entry) string {
	if s.service != o.service || !s.time.Equal(o.time) || len(s.x) != len(o.x) {
		return "the frame"
	}
	for i := range s.x {
		if math.Float32bits(s.x[i]) != math.Float32bits(o.x[i]) {
			return "feature " + s.names[i%len(s.names)]
		}
	}
	for k := range s.forecasts {
		for i := range s.forecasts[k] {
			a, b := s.forecasts[k][i], o.forecasts[k][i]
			for q, x := range [4]float64{a.Score, a.Time[0], a.Time[1], a.Time[2]} {
				if y := [4]float64{b.Score, b.Time[0], b.Time[1], b.Time[2]}[q]; math.Float64bits(x) != math.Float64bits(y) {
					return "the forecast of " + entries[k].Name
				}
			}
		}
	}
	return ""
}

// retold are the windows with everything from the cut on many times larger, in
// turn more and less: no value there is what it was.
func retold(windows []mesh.Window, cut int) []mesh.Window {
	out := slices.Clone(windows)
	for i := cut; i < len(out); i++ {
		w := &out[i]
		factor := float64(3 + 4*(i%2))
		w.Values, w.Requests = slices.Clone(w.Values), slices.Clone(w.Requests)
		for k := range w.Values {
			w.Values[k] = factor*w.Values[k] + 0.01
		}
		for k := range w.Requests {
			w.Requests[k] = math.Round(factor*w.Requests[k]) + 1
		}
	}
	return out
}

// leastSkill is how much of it a judge may see by chance where there is none.
const leastSkill = 0.02

// Misplace judges each forecast by what became of another endpoint, and so many
// horizons later: labels that are shuffled, but come in bursts as true ones do.
// Whoever shows skill then has it from the judge. It returns ErrLeak, and the
// report, when someone does.
func Misplace(ctx context.Context, calibration, test []Source, entries []Entry, cfg Config, by float64) (*Report, error) {
	cfg.Misplaced = by
	r, err := Judge(ctx, calibration, test, entries, cfg)
	if err != nil {
		return nil, err
	}
	for _, row := range r.Sections[0].Rows {
		if row.Skill.Value > leastSkill && row.Skill.Low > 0 {
			return r, fmt.Errorf("foresight: %w: %s has a Brier skill of %.3f [%.3f, %.3f] by what became of others %g horizons later", ErrLeak, row.Name, row.Skill.Value, row.Skill.Low, row.Skill.High, by)
		}
	}
	return r, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
