package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/predict"
)

// What a score is taken over.
const byWindows, byRequests = "windows", "requests"

// hearing is the judging of one part.
type hearing struct {
	*judge
	clock   *clock
	ways    *tally // costs of each way, and how many decisions
	all     *scored
	single  *scored // of requests
	groups  map[regimeKey]*scored
	deciles deciles
	log     *logged
	errors  Errors
	unread  []string // request logs that were not, and why
}

func (j *judge) hear(part datasets.Part) (*hearing, error) {
	c := newClock(j.set)
	h := &hearing{judge: j, clock: c, ways: c.tally(ways + 1), all: newScored(c, scores[:]), single: newScored(c, requestScores[:]),
		groups: map[regimeKey]*scored{}, deciles: deciles{c, map[int]*tally{}}}
	h.log = &logged{hearing: h}
	var failed error
	j.set.walk(part, func(history int, m *Moment, pasts []recalled) {
		if failed == nil && !j.skip[m.Service] {
			failed = h.moment(history, m, pasts)
		}
	})
	h.log.finish()
	if failed != nil {
		return nil, fmt.Errorf("train: judging: %w", failed)
	}
	return h, nil
}

// moment hears what everybody says of one moment, and what came.
func (h *hearing) moment(history int, m *Moment, pasts []recalled) error {
	f := h.set.frame(m)
	now := make([]predict.Prediction, len(m.Endpoints))
	if err := h.predictor.Predict(now, f, nil); err != nil {
		return err
	}
	if costs, ok := h.compare(m, now); ok {
		row := h.ways.at(h.clock.at(history, m.Time))
		for w, c := range costs {
			row[w] += c
		}
		row[ways]++
	}
	if !h.outcome() {
		return nil
	}
	then := make([]predict.Prediction, len(m.Endpoints))
	if err := h.predictor.Predict(then, f, loadThatCame(m)); err != nil {
		return err
	}
	for i := range m.Endpoints {
		if after := &m.After[i]; after.Requests > 0 && after.Rate >= 0 {
			h.endpoint(history, m, i, &pasts[i], [2]forecast{foretold(&then[i]), foretold(&now[i])})
		}
	}
	return nil
}

// endpoint judges the rivals by one endpoint of a moment. network is what it
// says at the load that came, and at that of now.
func (h *hearing) endpoint(history int, m *Moment, i int, p *recalled, network [2]forecast) {
	weight := m.After[i].Requests
	last := p.persisted()
	if math.IsNaN(network[0][ofMean]) || math.IsNaN(last[ofMean]) {
		h.errors.LeftOut++
		return
	}
	h.errors.Windows++
	h.errors.Requests += Number(weight)
	cell, came := h.clock.at(history, m.Time), h.cameOf(m.Service, &m.After[i])
	said := [rivals]forecast{rivalNetwork: network[0], rivalPersistence: last, rivalSameLoad: network[1]}
	var groups []*scored
	for _, key := range h.regimesOf(history, m, i, p) {
		if h.groups[key] == nil {
			h.groups[key] = newScored(h.clock, regimeScores[:])
		}
		groups = append(groups, h.groups[key])
	}
	for k, s := range scores {
		said[rivalEWMA] = p.smoothed(h.yardsticks.half[k])
		var losses [rivals]float64
		for r := range said {
			losses[r] = s.loss(&said[r], &came)
		}
		h.all.add(cell, k, &losses, weight)
		if at := slices.Index(regimeScores[:], s); at >= 0 {
			for _, g := range groups {
				g.add(cell, at, &losses, weight)
			}
		}
	}
	h.deciles.add(cell, network[0][ofMean], came.forecast[ofMean], weight)
	h.log.note(history, m, i, cell, p, said)
}

// halfLife is the moving average's, of the k-th of some scores.
func (h *hearing) halfLife(list []score) func(k int) Number {
	return func(k int) Number {
		return Number(halfLives[h.yardsticks.half[halfLifeOf(list[k])]] * h.set.Timing.Step.Seconds())
	}
}

// halfLifeOf is the place of a score among those that half-lives were chosen for.
func halfLifeOf(s score) int { return slices.Index(scores[:], s) }

// judgement tells what was heard.
func (h *hearing) judgement(random *rand.Rand) Judgement {
	d := h.clock.draw(random)
	nan := Number(math.NaN())
	result := Judgement{Mean: nan, MeanPersistence: nan, Cost: nan, CostPersistence: nan}
	result.Ways, result.Decisions = waysOf(h.ways, d)
	if !h.outcome() {
		return result
	}
	e := h.errors
	e.Block, e.Blocks = Number((cellsInBlock * h.clock.cell).Seconds()), d.blocks
	e.Scores, e.Coverage = h.all.told(d, byWindows, h.halfLife(scores[:]))
	single, covered := h.single.told(d, byRequests, h.halfLife(requestScores[:]))
	e.Scores, e.Coverage, e.Logged = append(e.Scores, single...), append(e.Coverage, covered...), len(single) > 0
	e.Regimes, e.Deciles = h.regimes(d), h.deciles.told(d)
	result.Errors = &e
	if s := e.find(ofMean, logarithmic, byWindows); s != nil {
		result.Mean, result.MeanPersistence = s.Rivals[rivalNetwork].Loss, s.Rivals[rivalPersistence].Loss
	}
	if s := e.find(ofCost, absolute, byWindows); s != nil {
		result.Cost, result.CostPersistence = s.Rivals[rivalNetwork].Loss, s.Rivals[rivalPersistence].Loss
	}
	return result
}
