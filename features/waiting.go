package features

import "math"

const (
	// concurrencyWindows is the time constant of the number of requests that an
	// endpoint serves at once.
	concurrencyWindows = 60
	// steadyLoad is the load up to which the latency tells the service time:
	// above it queues do.
	steadyLoad = 0.85
)

// advanceService estimates how many requests an endpoint serves at once, from
// which follows how long one takes without waiting: the number over the
// capacity. It is that with which the formula of waiting says the latency that
// was seen; busy windows count little.
func (m *memory) advanceService(r *reading, c *clock) {
	capacity := math.Exp(m.Capacity.Last)
	load := r.rate / capacity
	if typical := r.typical(); typical > 0 && load >= 0 && load <= steadyLoad && r.rate > 0 {
		weight := r.rate * c.fresh * (1 - load) * (1 - load)
		m.Concurrency.add(forgets(r.rate*c.fresh, concurrencyWindows, longRequests), math.Log(concurrency(typical, load, capacity)), weight)
	}
}

// concurrency inverts latency = s + wait(load) for the requests served at once,
// s·capacity, at least 1.
func concurrency(latency, load, capacity float64) float64 {
	low, high := 1.0, max(latency*capacity, 1)
	for range 40 {
		middle := (low + high) / 2
		if middle/capacity+wait(load, capacity, middle) < latency {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// wait is the mean time that a request waits, in seconds, at an endpoint that
// serves so many at once, is loaded to a part load < 1 of its capacity in
// requests/s, and has been for long: of M/M/m about (Sakasegawa, Annals of the
// Institute of Statistical Mathematics 29, 1977), of M/M/1 exactly.
func wait(load, capacity, concurrency float64) float64 {
	return math.Pow(load, math.Sqrt(2*(concurrency+1))-1) / (capacity * (1 - load))
}

// serve averages over the endpoints how many requests one serves at once.
func (s *service) serve() {
	var served mean
	for _, m := range s.order {
		if x := m.Concurrency.value(); !isNaN(x) {
			served.add(1, x, 1)
		}
	}
	s.served = served.value()
}

// queue is the endpoint's, for a decision that is in force for a span.
func (s *service) queue(m *memory, span float64) Queue {
	capacity := math.Exp(m.Capacity.Last)
	served := max(math.Exp(first(m.Concurrency.value(), s.served, 0)), 1)
	busy := min(math.Expm1(m.Rate.Last)*served/capacity, served)
	return Queue{Capacity: capacity, Concurrency: served, Horizon: span, Stretch: 1, Waiting: max(first(math.Expm1(m.InFlight.Last)-busy, 0), 0)}
}
