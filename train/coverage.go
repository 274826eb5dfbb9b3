package train

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// Coverage says how the risk of what is answered grows with the part that is
// answered, from the least doubtful decision to the most (El-Yaniv and Wiener,
// "On the foundations of noise-free selective classification", JMLR 2010). The
// risk of a decision is the mean over its endpoints of |ln(predicted cost ÷ the
// cost that came)|, at the load that came.
type Coverage struct {
	Decisions int `json:"decisions"`
	// Curves are of the doubt that the gate goes by, of its parts, and of what
	// bounds them: no order at all, and hindsight.
	Curves []RiskCurve `json:"curves"`
	// Gain is by how much smaller the area under the curve is than that of no
	// order, with a 90 % interval of a block bootstrap; NaN of fewer than five
	// blocks.
	Gain Number `json:"area_gain"`
	Low  Number `json:"area_gain_low"`
	High Number `json:"area_gain_high"`
	// Answered and Declined are the decisions within the gate's limits and
	// beyond them.
	Answered Selected `json:"answered"`
	Declined Selected `json:"declined"`
}

// RiskCurve is one way to order decisions. Its area is the mean risk over all
// coverages (AURC; Geifman and El-Yaniv, NeurIPS 2017).
type RiskCurve struct {
	Name   string      `json:"name"`
	Area   Number      `json:"area"`
	Points []RiskPoint `json:"points"`
}

// RiskPoint is the mean risk of the part Coverage that comes first.
type RiskPoint struct {
	Coverage Number `json:"coverage"`
	Risk     Number `json:"risk"`
}

// at is the risk at the first point that covers as much.
func (c *RiskCurve) at(coverage float64) Number {
	for _, p := range c.Points {
		if float64(p.Coverage) >= coverage-1e-9 {
			return p.Risk
		}
	}
	return Number(math.NaN())
}

// Selected are decisions on one side of the gate.
type Selected struct {
	Decisions   int    `json:"decisions"`
	Risk        Number `json:"risk"`
	Persistence Number `json:"risk_persistence"` // if everything stayed as it is
	// Saved is by how much cheaper the network's choice was than the observed
	// shares, in seconds a request, at the loads that the endpoints had.
	Saved Number `json:"saved_seconds"`
}

// doubted is one decision, what the gate made of it and what came.
type doubted struct {
	block             int64 // stretch of time
	doubt             predict.Doubt
	risk, persistence float64
	saved             float64 // NaN: fewer than two endpoints had an outcome
}

// doubted looks at all decisions of a part whose cost is known.
func (f *fitting) doubted(part datasets.Part, skip map[string]bool) ([]doubted, error) {
	return doubtedIn(f.set, f.model, skip, func(h *History, m *Moment) bool { return h.Split.Part(m.Time) == part })
}

func doubtedIn(set *Set, m *model.Model, skip map[string]bool, wanted func(h *History, m *Moment) bool) ([]doubted, error) {
	j, err := judgeOf(set, m, skip)
	if err != nil {
		return nil, err
	}
	var list []doubted
	for k := range set.Histories {
		h := &set.Histories[k]
		for i := range h.Moments {
			m := &h.Moments[i]
			if skip[m.Service] || !wanted(h, m) {
				continue
			}
			d, known, err := j.doubted(m)
			if err != nil {
				return nil, fmt.Errorf("train: doubting %s at %s: %w", m.Service, m.Time.Format(time.RFC3339), err)
			}
			if d.block = m.Time.Truncate(stretch(set.timing(k))).Unix() ^ int64(k)<<40; known {
				list = append(list, d)
			}
		}
	}
	return list, nil
}

// Cover says how the risk of m grows with the part of set that it answers, such
// as of a service that it never saw. The whole set counts, but for services with
// one endpoint. It is nil where no decision's cost is known; a network that
// predicts no costs is an error.
func Cover(set *Set, m *model.Model, seed uint64) (*Coverage, error) {
	if m.Routing == nil || m.Routing.Kind != model.Outcome {
		return nil, fmt.Errorf("train: model %s has no outcome network, so it predicts no costs", m.Name)
	}
	if set.Schema.Hash() != m.Schema.Hash() {
		return nil, fmt.Errorf("train: model %s was trained on schema %s, the set is of %s", m.Name, m.Schema.Name, set.Schema.Name)
	}
	skip := map[string]bool{}
	for _, s := range servicesOf(set) {
		skip[s.Name] = s.NoChoice
	}
	list, err := doubtedIn(set, m, skip, func(*History, *Moment) bool { return true })
	if err != nil {
		return nil, err
	}
	return coverageOf(list, rand.New(rand.NewPCG(seed, streamBootstrap))), nil
}

func (j *judge) doubted(m *Moment) (d doubted, known bool, err error) {
	frame := j.set.frame(m)
	now, came := make([]predict.Prediction, len(m.Endpoints)), make([]predict.Prediction, len(m.Endpoints))
	if d.doubt, err = j.predictor.Doubt(frame); err != nil {
		return d, false, err
	}
	if err = j.predictor.Predict(now, frame, nil); err != nil {
		return d, false, err
	}
	if err = j.predictor.Predict(came, frame, loadThatCame(m)); err != nil {
		return d, false, err
	}
	var risk, persistence average
	for i := range came {
		t, ok := j.anchors.target(m, i, len(j.set.Columns))
		c, _, costly := cost(&m.After[i], j.objective)
		if !ok || !costly || !(c > 0) || math.IsNaN(came[i].Mean) {
			continue
		}
		weight := float64(t[targetWeight])
		risk.add(math.Abs(math.Log(j.objective.Cost(came[i].Mean, came[i].ErrorRatio)/c)), weight)
		persistence.add(math.Abs(math.Log(j.persistent(m, i)/c)), weight)
	}
	d.risk, d.persistence, d.saved = risk.value(), persistence.value(), math.NaN()
	if one, ok := j.compare(m, now); ok {
		d.saved = one[byShares] - one[byNetwork]
	}
	return d, risk.weight > 0, nil
}

// orders are the ways to order decisions, by what is least first.
var orders = []struct {
	name string
	of   func(d *doubted) float64
}{
	{"doubt", func(d *doubted) float64 { return d.doubt.Most() }},
	{"spread", func(d *doubted) float64 { return d.doubt.Spread }},
	{"distance", func(d *doubted) float64 { return d.doubt.Distance }},
	{"hindsight", func(d *doubted) float64 { return d.risk }},
}

// coveragePoints is how many points of a curve are kept.
const coveragePoints = 20

// coverageResamples are fewer than those of costs: two digits do.
const coverageResamples = 200

// coverageOf returns nil of no decisions.
func coverageOf(list []doubted, random *rand.Rand) *Coverage {
	if len(list) == 0 {
		return nil
	}
	c := &Coverage{Decisions: len(list)}
	mean := 0.0
	for i := range list {
		mean += list[i].risk / float64(len(list))
	}
	for _, order := range orders {
		risks := cumulated(list, order.of)
		curve := RiskCurve{Name: order.name, Area: Number(area(risks))}
		for k := 1; k <= coveragePoints; k++ {
			n := max(1, k*len(risks)/coveragePoints)
			curve.Points = append(curve.Points, RiskPoint{Number(float64(n) / float64(len(risks))), Number(risks[n-1])})
		}
		c.Curves = append(c.Curves, curve)
	}
	c.Curves = append(c.Curves, RiskCurve{Name: "no order", Area: Number(mean), Points: []RiskPoint{{0, Number(mean)}, {1, Number(mean)}}})
	c.Gain = Number(mean) - c.Curves[0].Area
	c.Low, c.High = gainInterval(list, random)
	answered, declined := []doubted{}, []doubted{}
	for _, d := range list {
		if d.doubt.Most() > 1 {
			declined = append(declined, d)
		} else {
			answered = append(answered, d)
		}
	}
	c.Answered, c.Declined = selected(answered), selected(declined)
	return c
}

// cumulated are the mean risks of the first 1, 2, … decisions in an order;
// equal ones stay in order of time.
func cumulated(list []doubted, of func(d *doubted) float64) []float64 {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b doubted) int { return cmp.Compare(of(&a), of(&b)) })
	risks, sum := make([]float64, len(list)), 0.0
	for i := range list {
		sum += list[i].risk
		risks[i] = sum / float64(i+1)
	}
	return risks
}

// area is the mean over the coverages.
func area(risks []float64) float64 {
	sum := 0.0
	for _, r := range risks {
		sum += r
	}
	return sum / float64(len(risks))
}

// gainInterval draws stretches of time with replacement. They are sorted once: a
// draw only says how often each of their decisions counts.
func gainInterval(list []doubted, random *rand.Rand) (low, high Number) {
	numbers := map[int64]int{}
	for i := range list {
		if _, ok := numbers[list[i].block]; !ok {
			numbers[list[i].block] = len(numbers)
		}
	}
	if len(numbers) < leastBlocks {
		return Number(math.NaN()), Number(math.NaN())
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b doubted) int { return cmp.Compare(a.doubt.Most(), b.doubt.Most()) })
	gains, counts := make([]float64, coverageResamples), make([]float64, len(numbers))
	for k := range gains {
		clear(counts)
		for range counts {
			counts[random.IntN(len(counts))]++
		}
		n, sum, area := 0.0, 0.0, 0.0
		for i := range sorted {
			if c := counts[numbers[sorted[i].block]]; c > 0 {
				n, sum = n+c, sum+c*sorted[i].risk
				area += c * sum / n
			}
		}
		gains[k] = (sum - area) / n
	}
	slices.Sort(gains)
	return Number(quantile(gains, 0.05)), Number(quantile(gains, 0.95))
}

func selected(list []doubted) Selected {
	var risk, persistence, saved average
	for _, d := range list {
		risk.add(d.risk, 1)
		persistence.add(d.persistence, 1)
		if !math.IsNaN(d.saved) {
			saved.add(d.saved, 1)
		}
	}
	return Selected{len(list), Number(risk.value()), Number(persistence.value()), Number(saved.value())}
}
