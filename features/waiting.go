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

// concurrency inverts latency = s + Wait(load) for the requests served at once,
// s·capacity, at least 1.
func concurrency(latency, load, capacity float64) float64 {
	low, high := 1.0, max(latency*capacity, 1)
	for range 40 {
		middle := (low + high) / 2
		if middle/capacity+Wait(load, capacity, middle) < latency {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// Wait is the mean time that a request waits, in seconds, at an endpoint that
// serves so many at once, is loaded to a part load < 1 of its capacity in
// requests/s, and has been for long: of M/M/m about (Sakasegawa, Annals of the
// Institute of Statistical Mathematics 29, 1977), of M/M/1 exactly.
func Wait(load, capacity, concurrency float64) float64 {
	return math.Pow(load, math.Sqrt(2*(concurrency+1))-1) / (capacity * (1 - load))
}

// service is the time in seconds that a request takes without waiting.
func (v *view) service() float64 {
	served := math.Exp(v.m.Concurrency.value())
	if isNaN(served) {
		served = math.Exp(v.concurrency)
	}
	if isNaN(served) {
		served = 1
	}
	return max(served, 1) / v.capacity()
}

// waiting are the requests in flight that are not being served.
func (v *view) waiting() float64 {
	inFlight := math.Expm1(v.m.InFlight.Last)
	return max(inFlight-min(v.rate()*v.service(), v.service()*v.capacity()), 0)
}

// versusQueue is the log of the reference latency minus that of the formula of
// the queue at the window's load.
func (v *view) versusQueue() float64 {
	q := Queue{Capacity: v.capacity(), Concurrency: max(v.service()*v.capacity(), 1), Waiting: first(v.waiting(), 0), Horizon: v.span, Stretch: 1}
	return math.Log(v.m.reference() / q.Mean(v.rate()))
}
