// Package train learns a model from recordings: frames and their later
// answers in, a model and a report out. It is the only room with gorgonia.
//
// CollectAll walks recordings, Fit learns from what it found. Everything is
// split by time with purge gaps, scaled by the training part alone, chosen and
// calibrated on the validation part and reported on the test part.
package train

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
)

// Fit learns a routing network, where there is a choice, and a failure
// forecast, where there were failures. Equal sets and configs give equal
// models to the bit, whatever the number of processors, and whether or not
// they were stopped and gone on with (Config.Checkpoint). A model without
// either network is an error. A loss that is not finite is none: the best
// network of before is kept, and the report says what diverged and where. ctx
// is looked at between batches.
func Fit(ctx context.Context, set *Set, cfg Config) (*model.Model, *Report, error) {
	if err := errors.Join(cfg.Validate(), set.Validate()); err != nil {
		return nil, nil, err
	}
	if err := checkWarm(set, cfg); err != nil {
		return nil, nil, err
	}
	saved, err := openCheckpoint(cfg.Checkpoint, set, cfg)
	if err != nil {
		return nil, nil, err
	}
	f := &fitting{set: set, cfg: cfg, tuned: cfg, saved: saved, services: servicesOf(set), columns: columnsOf(set)}
	f.report = &Report{Network: cfg.Network, Seed: cfg.Seed, Parts: partsOf(set), Services: f.services}
	f.set = withoutDead(set, f.services)
	f.model = &model.Model{Format: model.Format, Name: cfg.Name, Created: cfg.Created, Schema: set.Schema, Timing: set.Timing, Objective: cfg.Objective, Features: set.Features}
	f.describeColumns()
	if err := f.card(); err != nil {
		return nil, nil, err
	}
	if !cfg.ForecastOnly {
		if err := f.routing(ctx); err != nil {
			return nil, nil, err
		}
	}
	if err := f.failure(ctx); err != nil {
		return nil, nil, err
	}
	f.report.Notes = f.model.Card.Notes
	if f.model.Routing == nil && f.model.Failure == nil {
		return nil, f.report, fmt.Errorf("train: nothing could be learned:\n  %s", strings.Join(f.model.Card.Notes, "\n  "))
	}
	if err := f.model.Validate(); err != nil {
		return nil, f.report, fmt.Errorf("train: %w", err)
	}
	return f.model, f.report, f.saved.remove()
}

// fitting is one Fit under way.
type fitting struct {
	set      *Set
	cfg      Config
	tuned    Config      // cfg, with what a search found for the routing network
	saved    *checkpoint // how far its networks have come
	services []Service
	columns  []column
	model    *model.Model
	report   *Report
}

// Each use of randomness has a stream of its own, so that the routing network
// does not depend on whether a failure forecast is trained.
const (
	streamRouting = iota + 1
	streamFailure
	streamBootstrap
	streamImportance
	streamMembers = 1 << 16 // and two for each member after it

	// streamDescent, added to the stream of a network, is that of its descent;
	// the stream itself is that of its initial layers.
	streamDescent = 16
)

func (f *fitting) random(stream uint64) *rand.Rand { return streamed(f.cfg.Seed, stream) }

// dice are random's whose state a checkpoint can keep.
func (f *fitting) dice(stream uint64) *dice { return newDice(f.cfg.Seed, stream) }

func (f *fitting) note(format string, args ...any) {
	f.model.Card.Notes = append(f.model.Card.Notes, fmt.Sprintf(format, args...))
}

// describeColumns lists the columns that said nothing.
func (f *fitting) describeColumns() {
	for i, c := range f.columns {
		switch {
		case c.known == 0:
			f.report.Absent = append(f.report.Absent, f.set.Columns[i])
		case c.constant:
			f.report.Constant = append(f.report.Constant, f.set.Columns[i])
		}
	}
}

// card fills in what is known before anything is trained.
func (f *fitting) card() (err error) {
	c := &f.model.Card
	c.MadeBy, c.Seed, c.Figures = f.cfg.MadeBy, f.cfg.Seed, model.Figures{}
	c.Notes, c.Unidentified = remarks(f.services)
	c.Notes = append(c.Notes, f.set.notes...)
	for _, h := range f.set.Histories {
		c.Recordings = append(c.Recordings, h.Provenance)
	}
	for h, p := range f.report.Parts {
		if p.short() {
			f.note("%s: %v of history leave no room for three parts with gaps of %v between them; record longer, or look less far ahead", p.Recording, p.End.Sub(p.Start).Round(time.Second), f.set.timing(h).Purge())
		}
	}
	c.Levels, err = levels(f.set)
	return err
}

// skipped are the services without a choice.
func (f *fitting) skipped() (skip map[string]bool, all bool) {
	skip, all = map[string]bool{}, true
	for _, s := range f.services {
		skip[s.Name] = s.NoChoice
		all = all && s.NoChoice
	}
	return skip, all
}

// routing trains the routing network and judges it.
func (f *fitting) routing(ctx context.Context) error {
	skip, all := f.skipped()
	if all {
		f.note("no service has a choice: there is no routing network")
		return nil
	}
	if f.cfg.Network == model.Fixed5 {
		if err := f.onlyFive(skip); err != nil {
			return err
		}
	}
	t, network, err := f.routingTask(skip)
	if err != nil {
		return err
	}
	if t.train.groups() == 0 || t.validation.groups() == 0 {
		f.note("the training or the validation part holds no outcome of a choice: there is no routing network")
		return nil
	}
	if err := f.warmRouting(&t, network); err != nil {
		return err
	}
	layers, course, err := f.settle(ctx, t)
	if err != nil {
		return err
	}
	f.diverged(t.stage, &course)
	f.model.Routing = network
	network.Layers = layers
	r := &RoutingReport{Inputs: network.Columns, Rows: [2]int{t.train.groups(), t.validation.groups()}, Course: course, Kept: course.Best > 0}
	f.report.Routing = r
	if err := f.ensemble(ctx, &t, network, r); err != nil {
		return err
	}
	if err := f.gate(network, skip, r); err != nil {
		return err
	}
	if r.Validation, err = f.judge(datasets.Validation, skip); err != nil {
		return err
	}
	f.doubt(network.Kind, r)
	if r.Test, err = f.judge(datasets.Test, skip); err != nil {
		return err
	}
	f.routingFigures(r)
	return nil
}

// settle trains a routing network with the settings given, or with those that
// a search finds. A further member of an ensemble is another call of descend,
// with f.tuned, dice of its own and a stage of its own name, by which the
// checkpoint knows it.
func (f *fitting) settle(ctx context.Context, t task) ([]model.Layer, Course, error) {
	if f.cfg.Trials > 1 {
		return f.search(ctx, t)
	}
	return descend(ctx, t, f.cfg, f.dice(streamRouting+streamDescent), f.saved)
}

// diverged notes a training that ran away, and finds out whose row it was.
func (f *fitting) diverged(stage string, c *Course) {
	d := c.Diverged
	if d == nil {
		return
	}
	if d.Row != nil {
		d.Row.Recording = f.set.locate(d.Row)
		c.Stop = fmt.Sprintf("%v; epoch %d is kept", d, c.Best)
	}
	f.report.Diverged = append(f.report.Diverged, stage+": "+c.Stop)
	f.note("%s diverged: %s", stage, c.Stop)
}

// doubt notes what validation does not say for the network. Which epoch is
// kept, the untrained network among them, is decided by the loss alone: it
// weighs a window by what its requests can tell. The error of the cost was
// rejected as a second gate: an absolute error rewards the median, and the
// solver needs the mean.
func (f *fitting) doubt(kind model.Kind, r *RoutingReport) {
	if kind != model.Outcome {
		return
	}
	if !r.Kept {
		f.note("no epoch beat the untrained network in validation: it is kept, the formula of the queue")
	}
	if v := r.Validation; !(v.Cost < v.CostPersistence) {
		f.note("the network's cost error is not below persistence's in validation (%.4g s against %.4g s)", v.Cost, v.CostPersistence)
	}
}

func (f *fitting) routingTask(skip map[string]bool) (task, *model.Network, error) {
	random := f.random(streamRouting)
	switch f.cfg.Network {
	case model.Softmax:
		return softmaxTask(f.set, f.columns, skip, f.cfg, random)
	case model.Fixed5:
		return fixed5Task(f.set, f.columns, skip, f.cfg, random)
	default:
		return outcomeTask(f.set, f.columns, skip, f.cfg, random)
	}
}

func partsOf(set *Set) []Part {
	var list []Part
	for i := range set.Histories {
		h := &set.Histories[i]
		s := h.Split
		p := Part{Recording: h.Provenance.Path, Start: s.Start, TrainEnd: s.TrainEnd, ValidationStart: s.ValidationStart, ValidationEnd: s.ValidationEnd, TestStart: s.TestStart, End: s.End, Whole: s.Whole()}
		for k := range h.Moments {
			switch s.Part(h.Moments[k].Time) {
			case datasets.Train:
				p.Train++
			case datasets.Validation:
				p.Validation++
			case datasets.Test:
				p.Test++
			}
		}
		list = append(list, p)
	}
	return list
}
