package features

import (
	"math"

	"github.com/fairway-mesh/fairway/anomaly"
)

// view is what the columns are computed from: one endpoint's memory in the
// midst of its service.
type view struct {
	m                            *memory
	service                      *service
	now                          float64 // unix seconds
	total                        float64 // load of the service
	endpoints                    int     // of the window
	living, failing, tooSlow     int
	latencies, errors, inFlights peers
	tails, memories              peers
	latencyLimit, errorLimit     float64 // ln(s), ratio
	horizon                      float64 // seconds
	span                         float64 // seconds of the window
}

// survey looks over all endpoints of a window.
func (v *view) survey(all []*memory) {
	v.endpoints, v.living, v.failing, v.tooSlow, v.total = len(all), 0, 0, 0, math.NaN()
	for _, m := range all {
		if m.alive {
			v.living++
		}
		if v.fails(m) {
			v.failing++
		}
		if v.slow(m) {
			v.tooSlow++
		}
		if !isNaN(m.Rate.Last) {
			v.total = first(v.total, 0) + math.Expm1(m.Rate.Last)
		}
	}
	v.latencies.gather(all, func(m *memory) float64 { return m.Latency.Last })
	v.errors.gather(all, func(m *memory) float64 { return m.Errors.Last })
	v.tails.gather(all, func(m *memory) float64 { return m.Watched })
	v.memories.gather(all, func(m *memory) float64 { return m.Memory.Last })
	v.inFlights.gather(all, func(m *memory) float64 { return m.InFlight.Last })
}

func (v *view) fails(m *memory) bool { return m.Up == 0 || m.Errors.Last > v.errorLimit }

func (v *view) rate() float64     { return math.Expm1(v.m.Rate.Last) }
func (v *view) capacity() float64 { return math.Exp(v.m.Capacity.Last) }

func (v *view) share() float64 {
	if v.total == 0 {
		return 1 / float64(v.endpoints)
	}
	return v.rate() / v.total
}

// equalShare is the endpoint's load if all living ones, and itself, got the
// same.
func (v *view) equalShare() float64 {
	n := v.living
	if !v.m.alive {
		n++
	}
	return v.total / float64(n)
}

func (v *view) queue() float64 {
	accounted := v.rate() * math.Exp(v.m.Latency.Last)
	return math.Log((math.Expm1(v.m.InFlight.Last) + 0.5) / (accounted + 0.5))
}

func (v *view) peersFailing() float64 {
	if v.endpoints < 2 {
		return 0
	}
	failing := v.failing
	if v.fails(v.m) {
		failing--
	}
	return float64(failing) / float64(v.endpoints-1)
}

// crossing asks a trend, or the last value where no trend goes on.
func (v *view) crossing(t *anomaly.Trend, last, limit float64) float64 {
	if p := t.Crossing(limit, v.horizon); !isNaN(p) {
		return p
	}
	switch {
	case isNaN(last):
		return math.NaN()
	case last >= limit:
		return 1
	}
	return 0
}

// slope is a trend's, per minute: none where there are values but no trend,
// unknown where there never was a value.
func slope(t *anomaly.Trend, last float64) float64 {
	if isNaN(last) {
		return math.NaN()
	}
	return t.Slope() * 60
}

// queueing is the endpoint's queue, for a decision in force for a window's span.
func (v *view) queueing() *Queue {
	q := v.service.queue(v.m, v.span)
	return &q
}

// unserved are the requests in flight that wait, carried on from the middle of
// the window, of which they are the mean, to the decision; NaN where those in
// flight are unknown.
func (v *view) unserved() float64 {
	if isNaN(v.m.InFlight.Last) {
		return math.NaN()
	}
	q := v.queueing()
	lag := first(v.now-v.m.Sample, 0) + v.span/2
	return max(q.Waiting+(v.rate()-q.Capacity)*lag, 0)
}
