package train

import (
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// The ways to choose that are compared, in the order of the report.
const (
	byNetwork = iota
	byPersistence
	byHistory
	byShares
	byHindsight
	ways
)

var wayNames = [ways]string{"network", "persistence", "always the historically best", "as observed shares", "hindsight (lower bound)"}

// Judgement says how well the network did in one part of the time. Costs are
// in seconds a request. They are those that the chosen endpoints had at the
// load that they got: what the choice itself would have added is not in them.
type Judgement struct {
	Decisions int   `json:"decisions"` // with at least two endpoints whose outcome is known
	Ways      []Way `json:"ways"`
	// The two errors that count the most, of Errors.
	Mean            Number `json:"mean_log_rmse"`
	MeanPersistence Number `json:"mean_log_rmse_persistence"`
	Cost            Number `json:"cost_error_seconds"` // mean absolute
	CostPersistence Number `json:"cost_error_seconds_persistence"`
	// Errors of the predictions, given the load that came; nil unless the
	// network predicts outcomes.
	Errors *Errors `json:"errors,omitempty"`
}

// Way is one way to choose, and by how much the network's choice was cheaper,
// with a 90 % interval from a block bootstrap; NaN of fewer than five blocks.
type Way struct {
	Name string `json:"name"`
	Cost Number `json:"cost_seconds"`
	Gain Number `json:"network_gain_seconds"`
	Low  Number `json:"gain_low"`
	High Number `json:"gain_high"`
}

// judge compares in one part. past is each service's mean cost by endpoint in
// the training part.
type judge struct {
	set         *Set
	predictor   *predict.Predictor
	kind        model.Kind
	inputs      []string // of the network
	objective   mesh.Objective
	limits      map[string]Limits
	minRequests float64
	skip        map[string]bool
	anchors     anchors
	errors, age int // columns of the error ratio now, and of the metrics' age
	past        map[[2]string]float64
	yardsticks  yardsticks
}

// newJudge compares the model of a fitting with its rivals.
func newJudge(f *fitting, skip map[string]bool) (*judge, error) {
	j, err := judgeOf(f.set, f.model, skip)
	if err != nil {
		return nil, err
	}
	j.limits, j.minRequests = limitsOf(f.set, f.services, f.cfg), f.cfg.MinRequests
	if j.outcome() {
		j.measureTraining()
	}
	return j, nil
}

// judgeOf compares without rivals: any model on any set.
func judgeOf(set *Set, m *model.Model, skip map[string]bool) (*judge, error) {
	p, err := predict.Compile(m)
	if err != nil {
		return nil, fmt.Errorf("train: the trained model does not compile: %w", err)
	}
	j := &judge{set: set, predictor: p, kind: m.Routing.Kind, inputs: m.Routing.Columns, objective: m.Objective, skip: skip, past: map[[2]string]float64{}}
	if j.anchors, err = anchorsOf(set); err != nil {
		return nil, err
	}
	for name, at := range map[string]*int{"error_ratio": &j.errors, "metrics_age": &j.age} {
		if *at, err = set.column(name); err != nil {
			return nil, err
		}
	}
	j.remember()
	return j, nil
}

// outcome reports whether the network predicts what endpoints would answer.
func (j *judge) outcome() bool { return j.kind == model.Outcome }

// remember averages the costs of the training part.
func (j *judge) remember() {
	requests := map[[2]string]float64{}
	j.set.each(datasets.Train, func(_ int, m *Moment) {
		for i, name := range m.Endpoints {
			if c, _, ok := cost(&m.After[i], j.objective); ok {
				key := [2]string{m.Service, name}
				n := m.weight() * m.After[i].Requests
				requests[key] += n
				j.past[key] += c * n
			}
		}
	})
	for key, n := range requests {
		j.past[key] /= n
	}
}

// frame is the moment as serving would see it.
func (s *Set) frame(m *Moment) *features.Frame {
	f := &features.Frame{X: m.X, Names: s.Columns}
	f.Service, f.Time, f.Schema = m.Service, m.Time, &s.Schema
	f.Endpoints = make([]mesh.Endpoint, len(m.Endpoints))
	for i, name := range m.Endpoints {
		f.Endpoints[i].Name = name
	}
	return f
}

func loadThatCame(m *Moment) []float64 {
	load := make([]float64, len(m.After))
	for i := range m.After {
		if m.After[i].Rate >= 0 {
			load[i] = m.After[i].Rate
		}
	}
	return load
}

// persistent is the cost if everything stayed as it is; NaN when unknown.
func (j *judge) persistent(m *Moment, i int) float64 {
	row := m.row(i, len(j.set.Columns))
	failed := float64(row[j.errors])
	if math.IsNaN(failed) {
		failed = 0
	}
	return j.objective.Cost(float64(row[j.anchors.reference]), failed)
}

// compare says what each way would have cost at a moment; false when fewer
// than two endpoints had an outcome.
func (j *judge) compare(m *Moment, now []predict.Prediction) (costs [ways]float64, ok bool) {
	least := [ways]float64{}
	for w := range least {
		least[w] = math.Inf(1)
	}
	known, requests, spent := 0, 0.0, 0.0
	for i := range now {
		c, _, ok := cost(&m.After[i], j.objective)
		if !ok {
			continue
		}
		known++
		requests += m.After[i].Requests
		spent += c * m.After[i].Requests
		past, seen := j.past[[2]string{m.Service, m.Endpoints[i]}]
		if !seen {
			past = math.MaxFloat64
		}
		for w, v := range [ways]float64{byNetwork: j.valued(&now[i]), byPersistence: j.persistent(m, i), byHistory: past, byShares: math.Inf(1), byHindsight: c} {
			if math.IsNaN(v) {
				v = math.MaxFloat64
			}
			if v < least[w] {
				least[w], costs[w] = v, c
			}
		}
	}
	costs[byShares] = spent / requests
	return costs, known >= 2
}

// valued is what the network holds against an endpoint.
func (j *judge) valued(p *predict.Prediction) float64 {
	if j.outcome() {
		return j.objective.Cost(p.Mean, p.ErrorRatio)
	}
	return -p.Preference
}

// waysOf tells what was summed of the ways, and of how many decisions.
func waysOf(t *tally, d *resampled) (list []Way, decisions int) {
	all, drawn := d.sums(t)
	if all[ways] == 0 {
		return nil, 0
	}
	for w, name := range wayNames {
		gain := interval(all, drawn, func(sums []float64) float64 { return (sums[w] - sums[byNetwork]) / sums[ways] })
		list = append(list, Way{name, Number(all[w] / all[ways]), gain.Value, gain.Low90, gain.High90})
	}
	return list, int(all[ways])
}

// average is a weighted mean; NaN of nothing.
type average struct{ sum, weight float64 }

func (a *average) add(v, weight float64) {
	a.sum += v * weight
	a.weight += weight
}

// addKnown leaves out what is unknown.
func (a *average) addKnown(v, weight float64) {
	if !math.IsNaN(v) {
		a.add(v, weight)
	}
}

func (a *average) value() float64 { return a.sum / a.weight }
