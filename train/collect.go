package train

import (
	"context"
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// Collect walks rec once, through the extractor that serving will use, and
// keeps each decision with what came while it was in force (Timing.InForce).
// What an endpoint does on average until a far horizon is another question: it
// has mostly recovered by then, and weights set by it leave too late. cfg gives
// the objective.
func Collect(ctx context.Context, rec *datasets.Recording, t mesh.Timing, cfg Config) (*Set, error) {
	fc := features.DefaultConfig()
	fc.Horizon, fc.Objective = t.Horizon, cfg.Objective
	if err := fc.Validate(); err != nil {
		return nil, err
	}
	set := &Set{Schema: *rec.Schema, Timing: t, Features: &fc}
	history := History{Split: rec.Split(t)}
	answered := t // for the time that a decision is in force; the horizon is the forecast's
	answered.Horizon = t.InForce()
	for pair, err := range rec.Pairs(ctx, answered, features.New(fc)) {
		if err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
		set.Columns = pair.Frame.Names
		history.Moments = append(history.Moments, momentOf(&pair))
	}
	if rec.HasRequests() {
		history.Log = rec.Requests()
	}
	sum, err := rec.Digest(ctx)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	start, end := rec.Dump.Span()
	s := history.Split
	history.Provenance = model.Provenance{
		Path: rec.Path, Start: start, End: end, SHA256: sum,
		Split: model.Split{TrainEnd: s.TrainEnd, ValidationStart: s.ValidationStart, ValidationEnd: s.ValidationEnd, TestStart: s.TestStart},
	}
	set.Histories = []History{history}
	set.Histories[0].Provenance.Services = set.Services()
	if len(history.Moments) == 0 {
		return nil, fmt.Errorf("train: %s: no decision has a whole horizon of %v after it; the recording spans %v", rec.Path, t.Horizon, end.Sub(start))
	}
	return set, nil
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
