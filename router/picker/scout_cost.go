package picker

import (
	"math"
	"time"
)

// A tier orders endpoints before their costs do.
type tier int

const (
	cold   tier = iota
	hot         // many in flight, or requests fail
	silent      // answers no probes
)

const (
	// failsMore is by how much the share of failures exceeds that of the fleet
	// where an endpoint is no longer cold.
	failsMore = 0.05
	// stuck: where the endpoint has done nothing for so many times a latency, it
	// counts as that slow.
	stuck = 3
	// ahead is over how many more requests in flight the growth of the latency
	// is taken.
	ahead = 3
	// drift is how much longer than to learn it takes to forget: that an
	// endpoint was slow, what is usual there.
	drift = 10
	// degraded is the times slower than its past an endpoint is from which on
	// that alarms.
	degraded = 1.3
)

// cost of one more request at endpoint i: its latency as predicted, and what it
// adds to that of others, by as many as come while it is there (which are as
// many as there are, by Little's law), times how much slower the endpoint is
// than the fleet; and what failures there cost.
func (p *scout) cost(now time.Duration, i int) (tier, float64) {
	k := &p.known[i]
	n := p.inFlight(now, k)
	c := p.fleet.at(n)
	c += n / ahead * max(p.fleet.at(n+ahead)-c, 0)
	c *= k.slow * k.spared
	if k.own > 0 {
		c = max(c, (now-k.moved).Seconds()/stuck)
	}
	fails := 0.0
	if p.guard > 0 {
		fails = max(k.fails.at(now)-p.fleet.failing.mean, 0)
		c += p.guard * fails
	}
	switch {
	case p.asking.silent(now, k):
		return silent, c
	case fails > failsMore, n > p.told.hot:
		return hot, c
	}
	return cold, c
}

// inFlight is what an endpoint is expected to have in flight: the requests of
// this proxy, which it knows; of the others what there were when the endpoint
// was heard last, which is forgotten toward what is usual there. The share that
// this proxy has of the traffic need not be known: a proxy alone finds nobody
// else's requests, one of a hundred hardly any of its own.
//
// Where there were fewer than usual that is forgotten sooner: the others will
// find out too, and go there.
func (p *scout) inFlight(now time.Duration, k *view) float64 {
	usual := k.usual.or(p.fleet.others.mean)
	if !k.heard || now-k.at > p.age {
		return usual + float64(k.own)
	}
	span := p.forget * p.fleet.latency.mean
	if k.others < usual {
		span *= p.crowding
	}
	if span <= 0 {
		span = 1e-9
	}
	x := (now - k.at).Seconds() / span
	return usual + (k.others-usual)/(1+x+x*x/2) + float64(k.own) // nearly exp(−x)
}

// compare learns from a latency at n in flight how much slower the endpoint is
// than the fleet, and how slow the fleet is. Who tells the same again may not
// have been asked anything since, so that what it tells may be old: then it
// drifts back to what the board predicts, else to being as the others, and is
// tried again.
//
// An endpoint that has become slower than it was in the past may be about to
// fail. It counts as slower than it is, by what it is above 1.3 times its past
// to the power of alarm, at most 8 times.
func (p *scout) compare(k *view, n, latency, step float64) {
	if latency == k.latency {
		k.ratio += step / drift * (k.prior - k.ratio)
	} else {
		k.latency = latency
		if p.fleet.known {
			k.ratio = min(max(k.ratio+step*(latency/p.fleet.at(n)-k.ratio), 1e-3), 1e3)
		}
		p.fleet.learn(n, latency/k.ratio)
	}
	k.past.add(k.ratio, step/drift)
	k.slow = math.Pow(k.ratio, p.power)
	if worse := k.ratio / max(k.past.mean, 1) / degraded; worse > 1 {
		k.slow *= min(math.Pow(worse, p.alarm), most)
	}
}
