package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

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
	// Errors of the predictions, given the load that came (outcome networks).
	Mean            Number `json:"mean_log_rmse"`
	MeanPersistence Number `json:"mean_log_rmse_persistence"`
	Cost            Number `json:"cost_error_seconds"` // mean absolute
	CostPersistence Number `json:"cost_error_seconds_persistence"`
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

// judge compares in one part. best is each service's mean cost by endpoint in
// the training part.
type judge struct {
	set       *Set
	predictor *predict.Predictor
	kind      model.Kind
	objective mesh.Objective
	skip      map[string]bool
	anchors   anchors
	errors    int // column of the error ratio now
	past      map[[2]string]float64
}

func newJudge(set *Set, m *model.Model, skip map[string]bool) (*judge, error) {
	p, err := predict.Compile(m)
	if err != nil {
		return nil, fmt.Errorf("train: the trained model does not compile: %w", err)
	}
	j := &judge{set: set, predictor: p, kind: m.Routing.Kind, objective: m.Objective, skip: skip, past: map[[2]string]float64{}}
	if j.anchors, err = anchorsOf(set); err != nil {
		return nil, err
	}
	if j.errors, err = set.column("error_ratio"); err != nil {
		return nil, err
	}
	j.remember()
	return j, nil
}

// remember averages the costs of the training part.
func (j *judge) remember() {
	requests := map[[2]string]float64{}
	j.set.each(datasets.Train, func(_ int, m *Moment) {
		for i, name := range m.Endpoints {
			if c, _, ok := cost(&m.After[i], j.objective); ok {
				key := [2]string{m.Service, name}
				requests[key] += m.After[i].Requests
				j.past[key] += c * m.After[i].Requests
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

// judged is what each way cost at one time.
type judged struct {
	at    time.Time
	costs [ways]float64
}

func (j *judge) judge(part datasets.Part, random *rand.Rand) (Judgement, error) {
	var list []judged
	var mean, meanNow, costs, costsNow average
	var failed error
	j.set.each(part, func(_ int, m *Moment) {
		if failed != nil || j.skip[m.Service] {
			return
		}
		f := j.set.frame(m)
		now := make([]predict.Prediction, len(m.Endpoints))
		if failed = j.predictor.Predict(now, f, nil); failed != nil {
			return
		}
		if one, ok := j.compare(m, now); ok {
			list = append(list, one)
		}
		if j.kind != model.Outcome {
			return
		}
		came := make([]predict.Prediction, len(m.Endpoints))
		if failed = j.predictor.Predict(came, f, loadThatCame(m)); failed == nil {
			j.measure(m, came, &mean, &meanNow, &costs, &costsNow)
		}
	})
	if failed != nil {
		return Judgement{}, fmt.Errorf("train: judging: %w", failed)
	}
	result := Judgement{Decisions: len(list), Ways: compareWays(list, j.set.Timing, random)}
	result.Mean, result.MeanPersistence = Number(math.Sqrt(mean.value())), Number(math.Sqrt(meanNow.value()))
	result.Cost, result.CostPersistence = Number(costs.value()), Number(costsNow.value())
	return result, nil
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

// measure adds the errors of the predictions and of persistence, weighted as
// in training.
func (j *judge) measure(m *Moment, came []predict.Prediction, mean, meanNow, costs, costsNow *average) {
	columns := len(j.set.Columns)
	for i := range came {
		t, ok := j.anchors.target(m, i, columns)
		if !ok || math.IsNaN(came[i].Mean) {
			continue
		}
		weight, reference := float64(t[targetWeight]), float64(m.row(i, columns)[j.anchors.reference])
		if want := float64(t[targetMean]) - math.Log(reference); !math.IsNaN(want) {
			d := math.Log(came[i].Mean/reference) - want
			mean.add(d*d, weight)
			meanNow.add(want*want, weight)
		}
		if c, _, ok := cost(&m.After[i], j.objective); ok {
			costs.add(math.Abs(j.objective.Cost(came[i].Mean, came[i].ErrorRatio)-c), weight)
			costsNow.add(math.Abs(j.persistent(m, i)-c), weight)
		}
	}
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
func (j *judge) compare(m *Moment, now []predict.Prediction) (judged, bool) {
	result := judged{at: m.Time}
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
				least[w], result.costs[w] = v, c
			}
		}
	}
	result.costs[byShares] = spent / requests
	return result, known >= 2
}

// valued is what the network holds against an endpoint.
func (j *judge) valued(p *predict.Prediction) float64 {
	if j.kind == model.Outcome {
		return j.objective.Cost(p.Mean, p.ErrorRatio)
	}
	return -p.Preference
}

// resamples of the bootstrap, and the least length of its blocks: feedback
// and queues make neighbouring decisions alike.
const resamples = 1000

const leastBlock = time.Minute

// leastBlocks is how many blocks an interval needs to mean something.
const leastBlocks = 5

func compareWays(list []judged, t mesh.Timing, random *rand.Rand) []Way {
	if len(list) == 0 {
		return nil
	}
	block := max(leastBlock, 2*t.Horizon)
	var blocks [][]judged
	slices.SortStableFunc(list, func(a, b judged) int { return a.at.Compare(b.at) })
	for i, one := range list {
		if i == 0 || one.at.Truncate(block) != list[i-1].at.Truncate(block) {
			blocks = append(blocks, nil)
		}
		blocks[len(blocks)-1] = append(blocks[len(blocks)-1], one)
	}
	gains := [ways][]float64{}
	for range resamples {
		var sum [ways]float64
		n := 0.0
		for range blocks {
			for _, one := range blocks[random.IntN(len(blocks))] {
				for w := range sum {
					sum[w] += one.costs[w] - one.costs[byNetwork]
				}
				n++
			}
		}
		for w := range sum {
			gains[w] = append(gains[w], sum[w]/n)
		}
	}
	var out []Way
	for w, name := range wayNames {
		way := Way{Name: name}
		for _, one := range list {
			way.Cost += Number(one.costs[w] / float64(len(list)))
			way.Gain += Number((one.costs[w] - one.costs[byNetwork]) / float64(len(list)))
		}
		slices.Sort(gains[w])
		way.Low, way.High = Number(quantile(gains[w], 0.05)), Number(quantile(gains[w], 0.95))
		if len(blocks) < leastBlocks {
			way.Low, way.High = Number(math.NaN()), Number(math.NaN())
		}
		out = append(out, way)
	}
	return out
}

// average is a weighted mean; NaN of nothing.
type average struct{ sum, weight float64 }

func (a *average) add(v, weight float64) {
	a.sum += v * weight
	a.weight += weight
}

func (a *average) value() float64 { return a.sum / a.weight }
