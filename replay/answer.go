package replay

import (
	"math"

	"github.com/fairway-mesh/fairway/mesh"
)

// answer is what one endpoint gave a request over a horizon.
type answer struct {
	cost   float64 // expected, seconds
	errors float64 // ratio
	tail   tail
	tailed bool // the tail is known
	seen   bool // observed in this very horizon; else filled in
}

// horizon is all that a recording shows of one service after one decision.
type horizon struct {
	answers  []answer
	shares   mesh.Weights // of the requests, as recorded; nil when nobody counted
	requests float64      // of all endpoints; 1 when nobody counted
	best     float64      // the least cost among the endpoints that were seen
}

// past keeps the last answer of each endpoint of one service.
type past map[string]answer

// look reads what came after a decision. An endpoint that is down fails
// whatever it is sent. One that shows nothing, mostly because it was sent
// nothing, is taken to be as it was when last seen, else like the mean of its
// peers; it counts as not seen. It reports false when nothing at all was seen.
func (p past) look(after *mesh.Window, o mesh.Objective) (horizon, bool) {
	h := horizon{answers: make([]answer, len(after.Endpoints)), requests: 1, best: math.Inf(1)}
	h.count(after)
	if h.requests == 0 {
		return h, false
	}
	seen, peers := 0, answer{}
	for i := range after.Endpoints {
		a := observe(after, i, o)
		h.answers[i] = a
		if a.seen {
			seen++
			peers.cost += a.cost
			peers.errors += a.errors
			h.best = min(h.best, a.cost)
			p[after.Endpoints[i].Name] = a
		}
	}
	if seen == 0 {
		return h, false
	}
	peers.cost /= float64(seen)
	peers.errors /= float64(seen)
	for i := range h.answers {
		if h.answers[i].seen {
			continue
		}
		last, ok := p[after.Endpoints[i].Name]
		if !ok {
			last = peers
		}
		last.seen = false
		h.answers[i] = last
	}
	return h, true
}

// count fills in the requests and their shares.
func (h *horizon) count(after *mesh.Window) {
	shares, total, known := make(mesh.Weights, len(after.Requests)), 0.0, false
	for i, n := range after.Requests {
		if n >= 0 && !math.IsInf(n, 0) {
			shares[i], known = n, true
			total += n
		}
	}
	if !known {
		return
	}
	h.requests = total
	if total > 0 {
		shares.Normalize()
		h.shares = shares
	}
}

// observe reads one endpoint; its answer is not seen when the window is silent
// about it.
func observe(after *mesh.Window, i int, o mesh.Objective) answer {
	mean, errors := after.At(i, mesh.LatencyMean), after.At(i, mesh.ErrorRatio)
	deadline := o.Deadline.Seconds()
	if math.IsNaN(errors) {
		errors = 0
		if math.IsNaN(mean) && after.At(i, mesh.Up) < 0.5 {
			errors = 1
		}
	}
	errors = min(max(errors, 0), 1)
	if errors == 1 {
		return answer{cost: o.Cost(0, 1), errors: 1, tail: tail{deadline, deadline, deadline}, tailed: true, seen: true}
	}
	if !(mean >= 0) || math.IsInf(mean, 0) {
		return answer{}
	}
	a := answer{cost: o.Cost(mean, errors), errors: errors, seen: true}
	a.tail, a.tailed = newTail(after.At(i, mesh.LatencyP50), after.At(i, mesh.LatencyP90), after.At(i, mesh.LatencyP99))
	return a
}
