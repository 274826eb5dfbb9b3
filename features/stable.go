package features

import (
	"math"

	"github.com/fairway-mesh/fairway/mesh"
)

const (
	// fewRequests is the number of requests of which half of a latency's
	// distance from its past is believed.
	fewRequests = 5
	// manyRequests is the number beyond which more of them do not make an
	// error ratio more certain: they are not independent.
	manyRequests = 200
)

// stable writes the row of a window as the tracker takes it: in units whose
// noise is alike at any level and any number of requests, so that endpoints
// with little traffic do not dominate the alarms. The memory must not have
// advanced yet: it is what the row is compared with.
func (m *memory) stable(dst []float64, w *mesh.Window, i int, p *place, r *reading) {
	for c, v := range w.Row(i) {
		dst[c] = known(v, -huge, huge)
	}
	put := func(column int, v float64) {
		if column >= 0 {
			dst[column] = v
		}
	}
	n := first(r.requests, manyRequests)
	put(p.rate, math.Log1p(first(r.requests, r.rate)))
	put(p.errors, deviance(r.errors, m.ErrorsPast.value(), n))
	put(p.mean, m.Latency.hedged(r.mean, n))
	put(p.p50, m.P50.hedged(r.p50, n))
	put(p.p90, m.P90.hedged(r.p90, n))
	put(p.p99, m.P99.hedged(r.p99, n))
	put(p.inFlight, math.Log1p(r.inFlight))
	put(p.utilization, r.utilization)
	put(p.cpu, perRequest(r))
	put(p.memory, math.Log1p(r.memory))
	put(p.age, math.NaN()) // says when, not how
}

// deviance is how far an error ratio of n requests is from the past one in
// standard errors.
func deviance(ratio, past, n float64) float64 {
	counted := func(p float64) float64 { return angle((p*n + 0.375) / (n + 0.75)) }
	effective := n / (1 + n/manyRequests)
	return 2 * math.Sqrt(effective+0.5) * (counted(ratio) - counted(first(past, 0)))
}

// hedged is the logarithm of a latency, drawn to the past when few requests
// vouch for it.
func (g *gauge) hedged(latency, n float64) float64 {
	past := g.Past.value()
	if isNaN(past) {
		return math.Log(latency)
	}
	return past + (math.Log(latency)-past)*n/(n+fewRequests)
}
