package sim

import (
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

func (r *run) take() int32 {
	if n := len(r.vacant); n > 0 {
		slot := r.vacant[n-1]
		r.vacant = r.vacant[:n-1]
		return slot
	}
	r.requests = append(r.requests, request{})
	if r.reads {
		r.loads = append(r.loads, mesh.Load{})
	}
	return int32(len(r.requests) - 1)
}

func (r *run) free(slot int32) {
	r.requests[slot].generation++
	r.vacant = append(r.vacant, slot)
}

func (r *run) arrive() {
	slot := r.take()
	q := &r.requests[slot]
	q.arrived, q.ended, q.state, q.endpoint, q.propensity = r.now, false, holding, -1, nan
	r.draws.request(q)
	p := q.proxy
	r.deadlines.push(expiry{r.now + r.deadline, ticket{slot, q.generation}})
	r.live++
	if r.now >= r.measure.warmUp {
		r.arrived++
	}
	r.nextArrival()
	x := r.proxies[p]
	if x.held.n > 0 {
		x.held.push(ticket{slot, q.generation})
		r.offer(p)
	} else if !r.choose(p, slot) {
		x.held.push(ticket{slot, q.generation})
	}
}

// levelled counts the arrivals that found the endpoint as it is.
func (r *run) levelled(e *endpoint) {
	if n := r.arrived - e.levelled; n > 0 {
		r.measure.level(e.inFlight, n)
		e.levelled = r.arrived
	}
}

// reach is what the endpoint does with a request that has come to it.
func (r *run) reach(slot int32) {
	q := &r.requests[slot]
	if q.ended {
		r.free(slot)
		return
	}
	i := q.endpoint
	e := &r.endpoints[i]
	switch {
	case e.lost:
		q.state = gone
		return
	case e.down, e.full():
		r.answer(slot, 503)
		return
	case q.luck < e.hole:
		e.advance(r.now)
		e.counts.answer(0, 0, true)
		e.signals.add(r.now, int32(e.inFlight), 0)
		r.answer(slot, 500)
		return
	}
	q.reached, q.level = r.now, int32(e.inFlight)
	r.levelled(e)
	e.inFlight++
	switch {
	case e.fixed > 0:
		q.state, q.started = fixedly, r.now
		r.agenda.add(r.now+e.fixed, r.doFixed, slot)
		return
	case len(e.running) < e.slots:
		e.advance(r.now)
		q.state, q.started = serving, r.now
		e.serve(slot, q.work)
		r.completions.set(i, e.pace())
	default:
		q.state = queueing
		e.waiting.push(slot)
		e.queued += q.work
	}
}

// complete ends the first of those that are served at an endpoint.
func (r *run) complete(i int32) {
	e := &r.endpoints[i]
	e.advance(r.now)
	j := e.remove(0)
	e.clock = max(e.clock, j.end)
	r.leave(e, j.slot)
	r.next(e)
	r.completions.set(i, e.pace())
}

// next serves those who wait, as far as there are workers; who has been given
// up is skipped when the turn comes.
func (r *run) next(e *endpoint) {
	for len(e.running) < e.slots && e.waiting.n > 0 {
		slot := e.waiting.pop()
		q := &r.requests[slot]
		if q.ended {
			r.levelled(e)
			e.inFlight--
			e.signals.add(r.now, q.level, float64(r.now-q.reached)*1e-9)
			r.free(slot)
			continue
		}
		e.queued -= q.work
		q.state, q.started = serving, r.now
		e.serve(slot, q.work)
	}
	if e.waiting.n == 0 {
		e.queued = 0
	}
}

// leave answers a request that was served; the answer to one that was given up
// reaches nobody.
func (r *run) leave(e *endpoint, slot int32) {
	q := &r.requests[slot]
	r.levelled(e)
	e.inFlight--
	latency := float64(r.now-q.reached) * 1e-9
	failed := q.luck < e.errors || e.down
	e.counts.answer(latency, float64(r.now-q.started)*1e-9, failed)
	e.signals.add(r.now, q.level, latency)
	if !failed {
		e.counts.good++
	}
	switch {
	case q.ended:
		r.free(slot)
	case failed:
		r.answer(slot, 500)
	default:
		r.answer(slot, 200)
	}
}

func (r *run) endFixed(slot int32) {
	e := &r.endpoints[r.requests[slot].endpoint]
	e.advance(r.now)
	r.leave(e, slot)
}

// answer sends an answer on its way.
func (r *run) answer(slot int32, status int16) {
	q := &r.requests[slot]
	q.state, q.status = returning, status
	if r.reads && status != 503 { // who refuses, or is down, says nothing of itself
		r.endpoints[q.endpoint].load(r.now, &r.loads[slot])
	}
	r.answering.push(transit{r.now + r.delay, slot})
}

// deliver brings an answer to the proxy. What failed counts as the deadline,
// but the picker sees the time that it took. It hears the time since the request
// was sent: how long it held it back before is nothing of the endpoint's.
func (r *run) deliver(slot int32) {
	q := &r.requests[slot]
	if q.ended {
		r.free(slot)
		return
	}
	i, p := q.endpoint, q.proxy
	out := mesh.Outcome{Latency: time.Duration(r.now - q.sent), Failed: q.status != 200}
	if out.Failed {
		r.endpoints[i].counts.failed++
	}
	if r.reads && q.status != 503 {
		r.load = r.loads[slot]
		out.Load = &r.load
	}
	r.conclude(q)
	r.free(slot)
	x := r.proxies[p]
	x.picker.Done(time.Duration(r.now), int(i), out)
	if x.held.n > 0 {
		r.offer(p)
	}
}

// fail ends a request that no endpoint was picked for.
func (r *run) fail(slot int32) {
	q := &r.requests[slot]
	q.status = 503
	r.conclude(q)
	r.free(slot)
}

// expire gives a request up whose deadline has come, unless it has ended.
func (r *run) expire(t ticket) {
	slot := t.slot
	q := &r.requests[slot]
	if q.generation != t.generation {
		return
	}
	q.status = 504
	r.conclude(q)
	q.ended = true
	i, p := q.endpoint, q.proxy
	switch q.state {
	case queueing:
		r.endpoints[i].queued -= q.work
	case serving:
		r.cancel(slot)
	case gone:
		r.free(slot)
	}
	x := r.proxies[p]
	if i >= 0 {
		x.picker.Done(time.Duration(r.now), int(i), mesh.Outcome{Latency: time.Duration(r.now - q.sent), Failed: true})
	}
	if x.held.n > 0 {
		r.offer(p)
	}
}

// cancel stops a request that is served and was given up: with sharing it ends,
// as handlers do that heed their deadline; a worker (fifo) finishes it.
func (r *run) cancel(slot int32) {
	i := r.requests[slot].endpoint
	e := &r.endpoints[i]
	if !e.sharing {
		return
	}
	e.advance(r.now)
	e.remove(e.find(slot))
	r.levelled(e)
	e.inFlight--
	q := &r.requests[slot]
	e.signals.add(r.now, q.level, float64(r.now-q.reached)*1e-9)
	r.free(slot)
	r.completions.set(i, e.pace())
}

// conclude counts a request that its proxy is done with.
func (r *run) conclude(q *request) {
	r.live--
	latency, failed := r.now-q.arrived, q.status != 200
	counted := latency
	if failed {
		counted = r.deadline
	}
	r.measure.request(q.arrived, float64(counted)*1e-9, failed, q.status == 504)
	if r.observer.Finished == nil {
		return
	}
	r.finished = Finished{
		Arrived: time.Duration(q.arrived), Ended: time.Duration(r.now), Proxy: int(q.proxy),
		Class: r.scenario.Classes[q.class].Name, Endpoint: int(q.endpoint), Propensity: q.propensity,
		Latency: time.Duration(latency), Status: int(q.status),
	}
	r.observer.Finished(&r.finished)
}
