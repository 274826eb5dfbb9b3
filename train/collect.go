package train

import (
	"context"
	"errors"
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

// Source opens a recording, hands it to use with the timing at which it is to
// be looked at, and closes it. It may be called twice.
type Source func(ctx context.Context, use func(*datasets.Recording, mesh.Timing) error) error

// Collect walks rec, as CollectAll does with several.
func Collect(ctx context.Context, rec *datasets.Recording, t mesh.Timing, cfg Config) (*Set, error) {
	return CollectAll(ctx, cfg, func(_ context.Context, use func(*datasets.Recording, mesh.Timing) error) error { return use(rec, t) })
}

// CollectAll walks recordings one after the other, through the extractor that
// serving will use, and keeps each decision with what came while it was in
// force (Timing.InForce). What an endpoint does on average until a far horizon
// is another question: it has mostly recovered by then, and weights set by it
// leave too late. cfg gives the objective, and how much is held in memory. The
// set's timing is that of the first recording.
//
// Where there is more than cfg.Rows allows, the recordings are walked a second
// time, and what is learned from is drawn: of training by regime, so that rare
// ones survive, with weights that undo it; of validation and test evenly. The
// first walk has told by then what every service's limits and loads are. A
// second walk was chosen over a file of rows on the disk because the cache of
// windows is such a file already; it costs the time of a walk, and only the
// sets that would not fit pay for it. Whether an endpoint fails after a decision
// is told during the walk (see teller), since a drawn decision has lost its
// neighbours in time.
func CollectAll(ctx context.Context, cfg Config, sources ...Source) (*Set, error) {
	if len(sources) == 0 {
		return nil, errors.New("train: no recording to learn from")
	}
	g := &gathering{cfg: cfg, set: &Set{}, sample: newReservoir(max(1, cfg.Rows/4), streamed(cfg.Seed, streamDraw))}
	for _, source := range sources {
		if err := source(ctx, func(rec *datasets.Recording, t mesh.Timing) error { return g.look(ctx, rec, t) }); err != nil {
			return nil, err
		}
	}
	if !g.large {
		return g.set, nil
	}
	return g.draw(ctx, sources)
}

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
	services, decisions := map[string]bool{}, 0
	err := g.walk(ctx, rec, t, func(m Moment) {
		services[m.Service] = true
		decisions++
		g.rows += len(m.Endpoints)
		if !g.large {
			h.Moments = append(h.Moments, m)
			if g.rows > g.cfg.Rows+g.cfg.Rows/2 {
				g.overflow()
			}
			return
		}
		if h.Split.Part(m.Time) == datasets.Train {
			g.sample.offer(everything, n, &m)
		}
	})
	if err != nil {
		return err
	}
	start, end := rec.Dump.Span()
	if decisions == 0 {
		return fmt.Errorf("train: %s: no decision has a whole horizon of %v after it; the recording spans %v", rec.Path, t.Horizon, end.Sub(start))
	}
	sum, err := rec.Digest(ctx)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	s := h.Split
	h.Provenance = model.Provenance{
		Path: rec.Path, Start: start, End: end, SHA256: sum, Services: slices.Sorted(maps.Keys(services)),
		Split: model.Split{TrainEnd: s.TrainEnd, ValidationStart: s.ValidationStart, ValidationEnd: s.ValidationEnd, TestStart: s.TestStart},
	}
	return nil
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
	first := g.set.Histories[0].Provenance.Path
	if rec.Schema.Hash() != g.set.Schema.Hash() {
		return fmt.Errorf("train: %s has schema %s, %s has %s; one model learns from one schema", first, g.set.Schema.Name, rec.Path, rec.Schema.Name)
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

// draw walks the recordings again and keeps a part of each.
func (g *gathering) draw(ctx context.Context, sources []Source) (*Set, error) {
	g.place(g.sample.finish())
	services := servicesOf(g.set)
	g.set.limits = limitsOf(g.set, services, g.cfg.Objective)
	alive, loads := maps.Clone(g.set.limits), loadsOf(g.set)
	for _, s := range services {
		if s.DeadErrors {
			alive[s.Name] = limits{alive[s.Name].latency, math.Inf(1)}
		}
	}
	for n := range g.set.Histories {
		g.set.Histories[n].Moments, g.set.Histories[n].Drawn = nil, &Drawn{}
	}
	g.sample = nil
	var into [3]*reservoir
	for p, most := range [3]int{g.cfg.Rows, g.cfg.Rows / 4, g.cfg.Rows / 4} {
		into[p] = newReservoir(max(1, most), streamed(g.cfg.Seed, streamDraw+1+uint64(p)))
	}
	n := 0
	for _, source := range sources {
		err := source(ctx, func(rec *datasets.Recording, t mesh.Timing) error {
			h := &g.set.Histories[n]
			if t != h.Timing {
				return fmt.Errorf("train: %s was looked at with %+v, and now with %+v", rec.Path, h.Timing, t)
			}
			told := newTeller(t, h.Split, alive, g.cfg.MinRequests)
			kinds := regimesOf{limits: alive, minRequests: g.cfg.MinRequests, loads: loads, young: 2 * t.Purge(), known: map[[2]string]*known{}}
			give := func(m *Moment) {
				kind, part := kinds.of(m), h.Split.Part(m.Time)
				if part == datasets.None {
					return
				}
				h.Drawn.Decisions[part-datasets.Train]++
				s := everything
				if part == datasets.Train {
					s = stratum{n, m.Service, kind}
				}
				into[part-datasets.Train].offer(s, n, m)
			}
			err := g.walk(ctx, rec, t, func(m Moment) { told.push(m, give) })
			told.finish(give)
			h.Drawn.Onsets = told.onsets
			return err
		})
		if err != nil {
			return nil, err
		}
		n++
	}
	for _, r := range into {
		g.place(r.finish())
	}
	g.set.notes = append(g.set.notes, fmt.Sprintf("of %d rows (decisions × endpoints), more than are held, %d are drawn for training, %d for validation and %d for test; of training by regime, with weights that undo it: %s", g.rows, into[0].held, into[1].held, into[2].held, describe(into[0])))
	return g.set, nil
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
	fc := *g.set.Features
	answered := t // for the time that a decision is in force; the horizon is the forecast's
	answered.Horizon = t.InForce()
	for pair, err := range rec.Pairs(ctx, answered, features.New(fc)) {
		if err != nil {
			return fmt.Errorf("train: %w", err)
		}
		if g.set.Columns == nil {
			g.set.Columns = pair.Frame.Names
		}
		f(momentOf(&pair))
	}
	return nil
}

func momentOf(p *datasets.Pair) Moment {
	f := p.Frame
	m := Moment{Service: f.Service, Time: f.Time, X: f.X}
	for i := range f.Endpoints {
		m.Endpoints = append(m.Endpoints, f.Endpoints[i].Name)
		m.Now = append(m.Now, seen(&f.Window, i))
		m.After = append(m.After, seen(&p.After, i))
	}
	return m
}

func seen(w *mesh.Window, i int) Seen {
	s := Seen{
		Rate: w.At(i, mesh.RequestRate), Requests: math.NaN(),
		Mean: w.At(i, mesh.LatencyMean), P50: w.At(i, mesh.LatencyP50), P90: w.At(i, mesh.LatencyP90), P99: w.At(i, mesh.LatencyP99),
		ErrorRatio: w.At(i, mesh.ErrorRatio), Up: w.At(i, mesh.Up),
	}
	if i < len(w.Requests) {
		s.Requests = w.Requests[i]
	}
	return s
}
