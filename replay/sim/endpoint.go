package sim

import "math"

// endpoint serves requests. Whatever its discipline, those that are served
// progress at one rate, so each is done when the endpoint's virtual clock,
// which goes at that rate, has moved by its work: with fifo as many as there
// are workers are served, with sharing all are.
type endpoint struct {
	workers, burst float64
	sharing        bool
	slots          int // how many are served at once
	limit          int // how many may be there; 0: any number
	base, memory   float64

	conditions
	rate    float64 // of the virtual clock
	clock   float64 // work done by each that is served
	since   int64   // when the clock was set
	running []job   // a heap, the first to be done first
	waiting ring[int32]
	// How much work there is, for oracles: of running, the sum of their ends.
	ends, queued float64

	inFlight int
	levelled int // arrivals until the last change of inFlight

	counts  counts
	signals signals
}

// conditions are what antagonists and faults make of an endpoint.
type conditions struct {
	speed, cores float64
	down, lost   bool
	errors, hole float64 // parts that fail late, and at once
	fixed        int64   // how long every request takes; 0: as long as it does
	leaked       float64
}

type job struct {
	end  float64 // on the virtual clock
	slot int32
}

// advance moves the clock, and what is counted with it, to now.
func (e *endpoint) advance(now int64) {
	if n := len(e.running); n > 0 {
		dt := float64(now-e.since) * 1e-9
		e.clock += e.rate * dt
		used := min(float64(n), e.cores)
		if e.rate > 0 {
			e.counts.cpu += used * dt
		}
		if e.sharing {
			e.counts.busy += used * dt
		} else {
			e.counts.busy += float64(n) * dt
		}
	}
	e.since = now
}

// pace sets the rate after whatever it depends on has changed, and returns the
// time of the next completion.
func (e *endpoint) pace() int64 {
	n := len(e.running)
	if n == 0 {
		e.clock, e.ends, e.rate = 0, 0, 0 // keeps the numbers small, and so exact
		return never
	}
	e.rate = e.speed
	if share := e.cores / float64(n); share < 1 {
		e.rate *= share
	}
	if e.rate <= 0 {
		return never
	}
	left := math.Ceil((e.running[0].end - e.clock) / e.rate * 1e9)
	if left > 1e18 { // some thirty years
		return never
	}
	return e.since + max(int64(left), 0)
}

func (e *endpoint) serve(slot int32, work float64) {
	j := job{e.clock + work, slot}
	e.ends += j.end
	e.running = append(e.running, j)
	e.up(len(e.running)-1, j)
}

func (e *endpoint) up(k int, j job) {
	for k > 0 {
		above := (k - 1) / 2
		if e.running[above].end <= j.end {
			break
		}
		e.running[k] = e.running[above]
		k = above
	}
	e.running[k] = j
}

// remove takes the k-th of running away.
func (e *endpoint) remove(k int) job {
	out, last := e.running[k], len(e.running)-1
	moved := e.running[last]
	e.running = e.running[:last]
	e.ends -= out.end
	if k == last {
		return out
	}
	for {
		below := 2*k + 1
		if below >= last {
			break
		}
		if below+1 < last && e.running[below+1].end < e.running[below].end {
			below++
		}
		if e.running[below].end >= moved.end {
			break
		}
		e.running[k] = e.running[below]
		k = below
	}
	e.up(k, moved)
	return out
}

// find is the place of a request in running.
func (e *endpoint) find(slot int32) int {
	for k := range e.running {
		if e.running[k].slot == slot {
			return k
		}
	}
	return -1
}

// full reports whether one more is refused.
func (e *endpoint) full() bool { return e.limit > 0 && e.inFlight >= e.limit }

// until is the time in seconds until a request of the given work, sent now,
// would be done.
func (e *endpoint) until(now int64, work float64) float64 {
	switch {
	case e.down, e.lost, e.hole == 1, e.errors == 1, e.speed <= 0, e.full():
		return math.Inf(1)
	case e.fixed > 0:
		return float64(e.fixed) * 1e-9
	}
	clock := e.clock + e.rate*float64(now-e.since)*1e-9
	n := float64(len(e.running))
	left := max(e.ends-n*clock, 0) + e.queued
	if e.sharing { // about what there is now will be there until it is done
		return work / e.speed * max(1, (n+1)/e.cores)
	}
	if len(e.running) < e.slots {
		left = 0
	}
	return left/(e.speed*min(e.cores, float64(e.slots))) + work/e.speed
}
