package picker

import (
	"math"
	"slices"
)

// hotCold is Prequal's hot-cold lexicographic rule: an answer is hot when its
// requests in flight exceed the q quantile of what was answered lately. Of cold
// ones the one with the least latency is best, whatever its load; if all are
// hot, the one with the fewest in flight. q = 0 is control by requests in
// flight alone, q = 1 by latency alone. How many answers "lately" are is not in
// the paper; prequal-rs has 64.
type hotCold struct {
	q      float64
	recent []float64 // a ring
	sorted []float64 // the same, in order
	next   int
	hot    float64 // above it an answer is hot
}

func newHotCold(q float64, history int) *hotCold {
	return &hotCold{q: q, hot: math.Inf(1), recent: make([]float64, 0, history), sorted: make([]float64, 0, history+1)}
}

func (h *hotCold) rank(e *pooled, _ int) rank {
	if e.inFlight > h.hot || h.q <= 0 {
		return rank{1, e.inFlight, e.latency}
	}
	return rank{0, e.latency, e.inFlight}
}

func (h *hotCold) probed(_ int, inFlight, _, _ float64) {
	if len(h.recent) == cap(h.recent) {
		old, _ := slices.BinarySearch(h.sorted, h.recent[h.next])
		h.sorted = slices.Delete(h.sorted, old, old+1)
		h.recent[h.next] = inFlight
		h.next = (h.next + 1) % len(h.recent)
	} else {
		h.recent = append(h.recent, inFlight)
	}
	at, _ := slices.BinarySearch(h.sorted, inFlight)
	h.sorted = slices.Insert(h.sorted, at, inFlight)
	if h.q < 1 {
		h.hot = h.sorted[int(float64(len(h.sorted)-1)*h.q)]
	}
}

func (h *hotCold) done(int, float64) {}

func (h *hotCold) grow(int) {}
