package train

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// streamDraw is far from the streams of Fit.
const streamDraw = 1 << 20

func streamed(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// gathering is a set in the making.
type gathering struct {
	cfg    Config
	set    *Set
	rows   int        // seen so far
	large  bool       // they are more than may be held: sample has a part of training
	sample *reservoir // for the limits and loads
}

// look walks a recording for the first time.
func (g *gathering) look(ctx context.Context, rec *datasets.Recording, t mesh.Timing) error {
	if err := g.admit(rec, t); err != nil {
		return err
	}
	g.set.Histories = append(g.set.Histories, History{Timing: t, Split: rec.Split(t)})
	n := len(g.set.Histories) - 1
	h := &g.set.Histories[n]
	services, usual := map[string]bool{}, newTails()
	err := g.walk(ctx, rec, t, func(m Moment) {
		services[m.Service] = true
		for i := range m.Now {
			usual.add(m.Service, h.Split.Part(m.Time) == datasets.Train, &m.Now[i])
		}
		g.hold(n, m)
	})
	if err != nil {
		return err
	}
	start, end := rec.Dump.Span()
	if len(services) == 0 {
		return fmt.Errorf("train: %s: no decision has a whole horizon of %v after it; the recording spans %v", rec.Path, t.Horizon, end.Sub(start))
	}
	sum, err := rec.Digest(ctx)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	h.limits = usual.limits(slices.Collect(maps.Keys(services)), g.cfg.objectiveOf)
	s := h.Split
	if rec.HasRequests() {
		h.Log = rec.Requests()
	}
	h.Provenance = model.Provenance{
		Path: rec.Path, Start: start, End: end, SHA256: sum, Services: slices.Sorted(maps.Keys(services)),
		Split: model.Split{TrainEnd: s.TrainEnd, ValidationStart: s.ValidationStart, ValidationEnd: s.ValidationEnd, TestStart: s.TestStart},
	}
	return nil
}

// hold keeps a moment of history n while there is room, or else of training a
// sample.
func (g *gathering) hold(n int, m Moment) {
	h := &g.set.Histories[n]
	g.rows += len(m.Endpoints)
	switch {
	case !g.large:
		h.Moments = append(h.Moments, m)
		if g.rows > g.cfg.Rows+g.cfg.Rows/2 {
			g.overflow()
		}
	case h.Split.Part(m.Time) == datasets.Train:
		g.sample.offer(everything, n, &m)
	}
}

// admit refuses a recording that cannot be learned from with the others.
func (g *gathering) admit(rec *datasets.Recording, t mesh.Timing) error {
	fc := features.DefaultConfig()
	fc.Horizon, fc.Objective = t.Horizon, g.cfg.Objective
	if err := fc.Validate(); err != nil {
		return err
	}
	if len(g.set.Histories) == 0 {
		g.set.Schema, g.set.Timing, g.set.Features = *rec.Schema, t, &fc
		return nil
	}
	if rec.Schema.Hash() != g.set.Schema.Hash() {
		return fmt.Errorf("train: %s has schema %s, %s has %s; one model learns from one schema", g.set.Histories[0].Provenance.Path, g.set.Schema.Name, rec.Path, rec.Schema.Name)
	}
	return nil
}

// overflow gives up what was held, but for a sample of training.
func (g *gathering) overflow() {
	g.large = true
	for n := range g.set.Histories {
		h := &g.set.Histories[n]
		for i := range h.Moments {
			if h.Split.Part(h.Moments[i].Time) == datasets.Train {
				g.sample.offer(everything, n, &h.Moments[i])
			}
		}
		h.Moments = nil
	}
}

// drawing is the second walk: what to look for, and where it goes.
type drawing struct {
	limits map[string]Limits // of services, but for dead error ratios
	loads  map[string][]float64
	into   [3]*reservoir
}

// draw walks the recordings again and keeps a part of each.
func (g *gathering) draw(ctx context.Context, sources []Source) (*Set, error) {
	d := g.prepare()
	for n, source := range sources {
		if err := source(ctx, func(rec *datasets.Recording, t mesh.Timing) error { return g.drawFrom(ctx, n, rec, t, d) }); err != nil {
			return nil, err
		}
	}
	for _, r := range d.into {
		g.place(r.finish())
	}
	g.set.notes = append(g.set.notes, fmt.Sprintf("of %d rows (decisions × endpoints), more than are held, %d are drawn for training, %d for validation and %d for test; of training by regime, with weights that undo it: %s", g.rows, d.into[0].held, d.into[1].held, d.into[2].held, describe(d.into[0])))
	return g.set, nil
}

// prepare learns from the sample of the first walk what the second needs, and
// gives the sample up.
func (g *gathering) prepare() *drawing {
	g.place(g.sample.finish())
	services := servicesOf(g.set)
	g.set.limits = limitsOf(g.set, services, g.cfg)
	d := &drawing{limits: maps.Clone(g.set.limits), loads: loadsOf(g.set)}
	for _, s := range services {
		if s.DeadErrors {
			d.limits[s.Name] = Limits{d.limits[s.Name].Latency, math.Inf(1)}
		}
	}
	for n := range g.set.Histories {
		g.set.Histories[n].Moments, g.set.Histories[n].Drawn = nil, &Drawn{}
	}
	g.sample = nil
	for p, most := range [3]int{g.cfg.Rows, g.cfg.Rows / 4, g.cfg.Rows / 4} {
		d.into[p] = newReservoir(most, streamed(g.cfg.Seed, streamDraw+1+uint64(p)))
	}
	return d
}

// drawFrom offers the moments of recording n, with their fates.
func (g *gathering) drawFrom(ctx context.Context, n int, rec *datasets.Recording, t mesh.Timing, d *drawing) error {
	h := &g.set.Histories[n]
	if t != h.Timing {
		return fmt.Errorf("train: %s was looked at with %+v, and now with %+v", rec.Path, h.Timing, t)
	}
	own := maps.Clone(h.limits)
	for service, l := range own {
		own[service] = Limits{l.Latency, d.limits[service].Errors} // of an error ratio that is dead, none
	}
	told := teller{NewWatch(g.set.foresight(n), h.Split, own, g.cfg.MinRequests)}
	regimes := regimesOf{limits: own, minRequests: g.cfg.MinRequests, loads: d.loads, young: 2 * t.Purge(), known: map[[2]string]*known{}}
	give := func(m *Moment) {
		kind, part := regimes.of(m), h.Split.Part(m.Time)
		if part == datasets.None {
			return
		}
		s := everything
		if part == datasets.Train {
			s = stratum{n, m.Service, kind}
		}
		h.Drawn.Decisions[part-datasets.Train]++
		d.into[part-datasets.Train].offer(s, n, m)
	}
	known := newPasts(t.Step)
	keep := func(m Moment) {
		m.pasts = known.of(&m) // a drawn decision has lost the windows before it
		told.push(&m, give)
	}
	if err := g.walk(ctx, rec, t, keep); err != nil {
		return err
	}
	told.finish(give)
	h.Drawn.Onsets = told.onsets()
	return nil
}

// place puts moments where they come from; they are in order of time for each
// history.
func (g *gathering) place(list []drawn) {
	for i := range list {
		h := &g.set.Histories[list[i].history]
		h.Moments = append(h.Moments, list[i].moment)
	}
}

// walk calls f with every moment of a recording.
func (g *gathering) walk(ctx context.Context, rec *datasets.Recording, t mesh.Timing, f func(Moment)) error {
	fc, names := *g.set.Features, map[string][]string{}
	if g.cfg.ForecastOnly {
		fc.Horizon = g.set.ahead(t.Step)
	}
	answered := t // for the time that a decision is in force; the horizon is the forecast's
	answered.Horizon = t.InForce()
	for pair, err := range rec.Pairs(ctx, answered, features.New(fc)) {
		if err != nil {
			return fmt.Errorf("train: %w", err)
		}
		if g.set.Columns == nil {
			g.set.Columns = pair.Frame.Names
		}
		m := momentOf(&pair)
		if slices.Equal(m.Endpoints, names[m.Service]) {
			m.Endpoints = names[m.Service] // one list for many moments
		}
		names[m.Service] = m.Endpoints
		f(m)
	}
	return nil
}
