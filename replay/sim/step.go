package sim

import (
	"context"
	"time"
)

// checkEvery is after how many events the context is asked.
const checkEvery = 1 << 14

func (r *run) loop(ctx context.Context) error {
	for r.arrival != never || r.live > 0 {
		if r.result.Events%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		r.result.Events++
		r.step()
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// step is one event: the earliest, and of those at one time the one that is
// named first here.
func (r *run) step() {
	t, first := r.agenda.next(), 0
	if x := r.completions.next(); x < t {
		t, first = x, 1
	}
	if r.answering.n > 0 {
		if x := r.answering.at(0).at; x < t {
			t, first = x, 2
		}
	}
	if r.sending.n > 0 {
		if x := r.sending.at(0).at; x < t {
			t, first = x, 3
		}
	}
	if r.probesOut.n > 0 {
		if x := r.probesOut.at(0).at; x < t {
			t, first = x, 4
		}
	}
	if r.probesBack.n > 0 {
		if x := r.probesBack.at(0).at; x < t {
			t, first = x, 5
		}
	}
	if r.deadlines.n > 0 {
		if x := r.deadlines.at(0).at; x < t {
			t, first = x, 6
		}
	}
	if r.arrival < t {
		t, first = r.arrival, 7
	}
	r.now = t
	switch first {
	case 0:
		due := r.agenda.pop()
		due.do(due.x)
	case 1:
		r.complete(r.completions.heap[0])
	case 2:
		r.deliver(r.answering.pop().slot)
	case 3:
		r.reach(r.sending.pop().slot)
	case 4:
		r.probed(r.probesOut.pop())
	case 5:
		answer := r.probesBack.at(0)
		r.load = answer.load
		p := r.proxies[answer.proxy]
		i := int(answer.endpoint)
		r.probesBack.pop()
		p.prober.Probed(time.Duration(r.now), i, r.load)
	case 6:
		r.expire(r.deadlines.pop().ticket)
	case 7:
		r.arrive()
	}
}

func (r *run) nextArrival() {
	t := r.pace.arrival() * 1e9
	if r.arrival = never; t < float64(r.end) {
		r.arrival = int64(t)
	}
}

func (r *run) finish() *Result {
	for i := range r.endpoints {
		r.levelled(&r.endpoints[i])
	}
	fair, sum := r.scenario.Capacities(r.result.Seed), 0.0
	for _, c := range fair {
		sum += c
	}
	for i := range fair {
		fair[i] /= sum
	}
	if len(r.faults) > 0 {
		r.measure.drains(r.faults, fair, r.end)
	}
	r.noteFaults()
	r.measure.finish()
	return r.result
}
