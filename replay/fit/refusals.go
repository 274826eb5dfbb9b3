package fit

import "math"

// refusals finds out how many requests may wait at an endpoint: those that were
// answered with an error at once found about as many there. It notes in the
// windows what was refused, and returns the bound; 0 when none was seen. The
// endpoints are taken to have the same.
func (l *requestLog) refusals(h *history) (queue int) {
	const least = 20 // refusals, to believe in a bound
	var there []float64
	workers, typical := make([]float64, len(h.endpoints)), make([]float64, len(h.endpoints))
	for e := range h.endpoints {
		var w, s []float64
		for _, x := range h.seen[e] {
			w, s = append(w, x.workers), append(s, x.service())
		}
		workers[e], typical[e] = medianOf(w), medianOf(s)
	}
	// Whoever is refused while hardly anybody waits is so for another reason.
	refused := func(q *request) bool {
		e := q.endpoint
		return e >= 0 && q.status >= 500 && q.latency < typical[e]/2 && float64(q.inFlight) >= 2*workers[e] && h.seen[e][q.at/h.window].up != 0
	}
	for i := range l.requests {
		if q := &l.requests[i]; refused(q) {
			there = append(there, float64(q.inFlight)-workers[q.endpoint])
		}
	}
	if len(there) < least {
		return 0
	}
	bound := medianOf(there)
	for i := range l.requests {
		if q := &l.requests[i]; refused(q) && float64(q.inFlight)-workers[q.endpoint] >= bound/2 {
			h.seen[q.endpoint][q.at/h.window].refused += 1 / h.window.Seconds()
		}
	}
	return int(math.Round(bound))
}
