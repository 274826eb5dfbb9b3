package replay

import (
	"math"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// Step is what one row of the table did at one decision, and what the
// recording says of it. NaN is unknown.
type Step struct {
	Weights mesh.Weights
	Source  router.Source
	Reason  router.Reason // why the policy that was asked first declined, if it did

	Cost      float64 // expected, seconds a request
	P99       float64 // of the mixture of endpoints, seconds; failures take the deadline
	Errors    float64 // ratio
	Agreement float64 // weight on the endpoint that turned out cheapest
	Regret    float64 // cost above that endpoint's, seconds
	Turnover  float64 // total variation from the step before
	Moved     float64 // total variation from the recorded shares
	Stretch   float64 // mean squared importance weight: 1 at the recorded shares
	Unseen    float64 // weight on endpoints that showed nothing
}

// tie is how close two costs are one.
const tie = 1e-9

// judge says what the weights would have been worth.
func (h *horizon) judge(weights mesh.Weights, deadline float64) Step {
	s := Step{Weights: weights}
	parts := make([]part, 0, len(weights))
	for i, w := range weights {
		a := &h.answers[i]
		s.Cost += w * a.cost
		s.Errors += w * a.errors
		if a.seen && a.cost <= h.best*(1+tie) {
			s.Agreement += w
		}
		if !a.seen {
			s.Unseen += w
		}
		if a.tailed && w > 0 {
			parts = append(parts, part{w, a.errors, a.tail})
		}
	}
	s.P99 = mixtureTail(parts, deadline)
	s.Regret = s.Cost - h.best
	s.Moved, s.Stretch = h.distance(weights)
	return s
}

// distance says how far the weights are from what was recorded: the part of
// the requests that would move, and the mean squared importance weight, whose
// inverse is the part of the requests that still tell something (the
// effective sample size). A share of nothing counts as one request.
func (h *horizon) distance(weights mesh.Weights) (moved, stretch float64) {
	if h.shares == nil {
		return math.NaN(), math.NaN()
	}
	least := min(1, 1/h.requests)
	for i, w := range weights {
		stretch += w * w / max(h.shares[i], least)
	}
	return variation(weights, h.shares), stretch
}

// hindsight puts all on the cheapest endpoint, evenly where several are.
func (h *horizon) hindsight() mesh.Weights {
	w := make(mesh.Weights, len(h.answers))
	for i, a := range h.answers {
		if a.seen && a.cost <= h.best*(1+tie) {
			w[i] = 1
		}
	}
	w.Normalize()
	return w
}

// variation is the total variation between two weights of the same endpoints.
func variation(a, b mesh.Weights) float64 {
	sum := 0.0
	for i := range a {
		sum += math.Abs(a[i] - b[i])
	}
	return sum / 2
}

// turnover is the total variation between the weights of two steps whose
// endpoints may differ.
func turnover(before, now []mesh.Endpoint, a, b mesh.Weights) float64 {
	weights := make(map[string]float64, len(before))
	for i := range before {
		weights[before[i].Name] = a[i]
	}
	sum := 0.0
	for i := range now {
		sum += math.Abs(b[i] - weights[now[i].Name])
		delete(weights, now[i].Name)
	}
	for _, w := range weights {
		sum += w
	}
	return sum / 2
}
