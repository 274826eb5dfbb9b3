package foresight

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/train"
)

// Source is a recording to calibrate with, or to judge by.
type Source struct {
	Name string
	// Group is told apart from others, such as simulated meshes from the lab.
	Group string
	// Open opens it when its turn comes; the judge closes it. Of a recording
	// that is no part by itself, the validation part calibrates and the test
	// part judges.
	Open func(context.Context) (*datasets.Recording, error)
	// Actions says what was done because of a forecast at a decision; nil:
	// nothing ever was.
	Actions func(service, endpoint string, at time.Time) Action
}

// Action is what was done to an endpoint because of a forecast.
type Action struct {
	Acted bool
	// Propensity is the probability that it would be acted on, where that was
	// drawn; 0 where there was nothing to act on.
	Propensity float64
}

// walk takes one recording through the forecasters. What it holds does not
// grow with the recording: windows wait until their fates are sealed.
type walk struct {
	forecasters []Forecaster
	names       []string
	source      *Source
	faults      []datasets.Fault
	timing      mesh.Timing
	features    features.Config
	split       datasets.Split
	part        datasets.Part

	incidents func() []train.Incident // so far
	waiting   []*moment               // in the order in which they were pushed
	actions   map[[2]string][]action
	stale     misplaced
	row       func(*row)
}

// moment is one window that was foretold from.
type moment struct {
	service   string
	time      time.Time
	endpoints []string
	forecasts []Forecast // forecasters × endpoints
}

type action struct {
	at time.Time
	Action
}

// row is one decision about one endpoint, and what became of it.
type row struct {
	service, endpoint string
	at                time.Time
	forecasts         []Forecast // forecasters × endpoints
	index, endpoints  int
	fate              train.Fate
	acted             bool    // within the horizon
	weight            float64 // of those not acted on, for those like it that were
}

func (r *row) of(forecaster int) *Forecast {
	return &r.forecasts[forecaster*r.endpoints+r.index]
}

// run calls each with every row of the part that is judged, window by window, and
// returns the walk when it is over, with all incidents and the faults that were
// known.
func (s *Source) run(ctx context.Context, entries []Entry, cfg *Config, part datasets.Part, each func(*walk, *row)) (w *walk, err error) {
	rec, err := s.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("foresight: %s: %w", s.Name, err)
	}
	defer func() { err = errors.Join(err, rec.Close()) }()
	w = &walk{source: s, faults: rec.Faults, part: part, actions: map[[2]string][]action{}}
	w.timing, w.features = cfg.Look(rec)
	if err := w.features.Validate(); err != nil {
		return nil, fmt.Errorf("foresight: %s: %w", s.Name, err)
	}
	w.split = rec.Split(w.timing)
	w.stale.by = w.horizons(cfg.Misplaced)
	w.row = func(r *row) { each(w, r) }
	if whole := w.split.Whole(); whole != datasets.None && whole != part {
		return nil, fmt.Errorf("foresight: %s is a recording for %v; want one for %v", s.Name, whole, part)
	}
	for _, e := range entries {
		f, err := e.New(w.timing)
		if err != nil {
			return nil, fmt.Errorf("foresight: %s: %w", e.Name, err)
		}
		w.forecasters, w.names = append(w.forecasters, f), append(w.names, e.Name)
	}
	limits, err := train.FindLimits(rec.Windows(ctx, w.timing), w.split, w.features.Objective)
	if err != nil {
		return nil, fmt.Errorf("foresight: %s: %w", s.Name, err)
	}
	watch := train.NewWatch(w.timing, w.split, limits, cfg.MinRequests)
	w.incidents = watch.Incidents
	if err := w.through(ctx, rec, watch); err != nil {
		return nil, fmt.Errorf("foresight: %s: %w", s.Name, err)
	}
	return w, nil
}

func (w *walk) through(ctx context.Context, rec *datasets.Recording, watch *train.Watch) error {
	extractor := features.New(w.features)
	for window, err := range rec.Windows(ctx, w.timing) {
		if err != nil {
			return err
		}
		frame, err := extractor.Push(window)
		if err != nil {
			return err
		}
		m, err := w.foretell(frame)
		if err != nil {
			return err
		}
		w.waiting = append(w.waiting, m)
		watch.Push(&window, w.told)
	}
	watch.Finish(w.told)
	return nil
}

// foretell asks everyone.
func (w *walk) foretell(f *features.Frame) (*moment, error) {
	n := len(f.Endpoints)
	m := &moment{service: f.Service, time: f.Time, endpoints: make([]string, n), forecasts: make([]Forecast, n*len(w.forecasters))}
	for i := range f.Endpoints {
		m.endpoints[i] = f.Endpoints[i].Name
		w.act(f.Service, m.endpoints[i], f.Time)
	}
	for i := range m.forecasts {
		m.forecasts[i] = unknown
	}
	for k, one := range w.forecasters {
		if err := one.Forecast(m.forecasts[k*n:(k+1)*n], f); err != nil {
			return nil, fmt.Errorf("%s, service %s at %s: %w", w.names[k], f.Service, f.Time.Format(time.RFC3339), err)
		}
	}
	return m, nil
}

func (w *walk) act(service, endpoint string, at time.Time) {
	if w.source.Actions == nil {
		return
	}
	if a := w.source.Actions(service, endpoint, at); a != (Action{}) {
		key := [2]string{service, endpoint}
		w.actions[key] = append(w.actions[key], action{at, a})
	}
}

// told takes the fates of the window that has waited longest.
func (w *walk) told(t train.Told) {
	m := w.waiting[0]
	w.waiting[0] = nil
	w.waiting = w.waiting[1:]
	foretold := w.stale.of(m)
	if foretold == nil || w.split.Part(t.Time) != w.part {
		return
	}
	for i, endpoint := range t.Endpoints {
		r := row{service: t.Service, endpoint: endpoint, at: t.Time, forecasts: foretold.forecasts, index: i, endpoints: len(foretold.endpoints), fate: t.Fates[i]}
		if foretold != m { // of another endpoint, where there is one
			r.index = (i + 1) % r.endpoints
		}
		r.acted, r.weight = w.acted(t.Service, endpoint, t.Time)
		w.row(&r)
	}
}

// horizons is a number of them.
func (w *walk) horizons(n float64) time.Duration {
	return time.Duration(n * float64(w.timing.Horizon))
}

// known says whether it is known what became of a decision.
func (w *walk) known(r *row) bool { return r.fate.Failed || r.fate.After >= w.timing.Horizon }

// lead is how long after a decision the incident begins that it precedes.
// Where another endpoint has failed before, it has begun.
func (w *walk) lead(r *row) time.Duration {
	if !r.fate.Failed {
		return 0
	}
	return w.incidents()[r.fate.Incident].Start.Sub(r.at)
}

// mostWeight bounds what one decision that was not acted on may stand for.
const mostWeight = 20

// acted says whether anything was done to an endpoint within the horizon, and
// for how many like it stands one that was spared by a draw.
func (w *walk) acted(service, endpoint string, at time.Time) (acted bool, weight float64) {
	key := [2]string{service, endpoint}
	list := w.actions[key]
	for len(list) > 0 && list[0].at.Before(at) {
		list = list[1:]
	}
	w.actions[key] = list
	drawn := 0.0
	for _, a := range list {
		if a.at.Sub(at) > w.timing.Horizon {
			break
		}
		if a.Acted {
			return true, 1
		}
		drawn = max(drawn, a.Propensity)
	}
	return false, min(1/(1-min(drawn, 1)), mostWeight)
}

// misplaced holds back what was foretold by some time.
type misplaced struct {
	by   time.Duration
	held map[string][]*moment
}

// of returns the moment whose forecasts are to be held against the fates of m:
// m itself, or one so much earlier; nil while there is none.
func (p *misplaced) of(m *moment) *moment {
	if p.by == 0 {
		return m
	}
	if p.held == nil {
		p.held = map[string][]*moment{}
	}
	list := append(p.held[m.service], m)
	for len(list) > 1 && m.time.Sub(list[1].time) >= p.by {
		list = list[1:]
	}
	p.held[m.service] = list
	if m.time.Sub(list[0].time) < p.by {
		return nil
	}
	return list[0]
}
