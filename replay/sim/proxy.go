package sim

import (
	"time"

	"github.com/fairway-mesh/fairway/router/picker"
)

// proxy picks for the requests that come to it.
type proxy struct {
	picker    picker.Picker
	prober    picker.Prober    // nil when the picker is none
	throttler picker.Throttler // likewise
	tells     propensity       // likewise
	reads     bool
	held      ring[ticket] // requests that wait for the picker
	// When the picker wants to be called, and when a task for it is due: one
	// that is due later than wanted is replaced, one that is due earlier waits on.
	probe, probeDue int64
	retry, retryDue int64
	news            ring[news] // weights on their way
	newsAt          int64      // when the last of them arrives
}

// ticket is a request as long as its slot was not given to another.
type ticket struct {
	slot       int32
	generation uint32
}

func newProxy(p picker.Picker) *proxy {
	x := &proxy{picker: p, probe: never, probeDue: never, retry: never, retryDue: never}
	x.prober, _ = p.(picker.Prober)
	x.throttler, _ = p.(picker.Throttler)
	x.tells, _ = p.(propensity)
	_, x.reads = p.(picker.Reader)
	return x
}

// choose offers a request to the proxy's picker; false when it is held back.
func (r *run) choose(p int32, slot int32) bool {
	x, q := r.proxies[p], &r.requests[slot]
	r.request.Class = r.scenario.Classes[q.class].Name
	i := x.picker.Pick(time.Duration(r.now), &r.request)
	if i == picker.Held && x.throttler != nil {
		r.wakeToRetry(p)
		return false
	}
	if x.prober != nil {
		r.askProbes(p)
	}
	if i < 0 || i >= len(r.endpoints) {
		r.fail(slot)
		return true
	}
	q.endpoint, q.state, q.propensity, q.sent = int32(i), travelling, nan, r.now
	if x.tells != nil {
		q.propensity = x.tells.Propensity()
	}
	r.measure.send(r.now, i)
	r.sending.push(transit{r.now + r.delay, slot})
	return true
}

// offer gives the requests that were held back another chance, in their order.
func (r *run) offer(p int32) {
	x := r.proxies[p]
	for x.held.n > 0 {
		t := *x.held.at(0)
		q := &r.requests[t.slot]
		if q.ended {
			x.held.pop()
			r.free(t.slot)
			continue
		}
		if !r.choose(p, t.slot) {
			return
		}
		x.held.pop()
	}
}

func (r *run) wakeToRetry(p int32) {
	x := r.proxies[p]
	x.retry = later(r.now, x.throttler.Retry(time.Duration(r.now)))
	if x.retry < x.retryDue {
		x.retryDue = x.retry
		r.agenda.add(x.retry, r.doRetry, p)
	}
}

// later is a time that a picker named, but not one that has passed already.
func later(now int64, t time.Duration) int64 { return max(now+1, int64(t)) }

func (r *run) retryNow(p int32) {
	x := r.proxies[p]
	if r.now != x.retryDue {
		return // replaced by an earlier one
	}
	x.retryDue = never
	if r.now < x.retry && x.retry != never {
		x.retryDue = x.retry
		r.agenda.add(x.retry, r.doRetry, p)
		return
	}
	r.offer(p)
}

func (r *run) probeNow(p int32) {
	x := r.proxies[p]
	if r.now != x.probeDue {
		return
	}
	x.probeDue = never
	if r.now < x.probe {
		if x.probe != never {
			x.probeDue = x.probe
			r.agenda.add(x.probe, r.doProbe, p)
		}
		return
	}
	r.askProbes(p)
}

func (r *run) askProbes(p int32) {
	x := r.proxies[p]
	var next time.Duration
	r.asked, next = x.prober.Probes(r.asked[:0], time.Duration(r.now))
	for _, i := range r.asked {
		if i >= 0 && i < len(r.endpoints) {
			r.result.Probes++
			r.probesOut.push(probe{r.now + r.delay, p, int32(i)})
		}
	}
	x.probe = never
	if next != picker.Never {
		x.probe = later(r.now, next)
	}
	if x.probe < x.probeDue {
		x.probeDue = x.probe
		r.agenda.add(x.probe, r.doProbe, p)
	}
}

// probed answers a probe that has reached its endpoint, unless that is down,
// cut off, or hangs.
func (r *run) probed(p probe) {
	e := &r.endpoints[p.endpoint]
	if e.down || e.lost || e.speed <= 0 {
		return
	}
	r.probesBack.push(report{probe: probe{r.now + r.delay, p.proxy, p.endpoint}})
	e.load(r.now, &r.probesBack.at(r.probesBack.n-1).load)
}
