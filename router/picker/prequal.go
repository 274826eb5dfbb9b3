package picker

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// prequal asks a few random endpoints beside each request and lets later
// requests use the answers (Wydrowski et al., "Load is not what you should
// balance: Introducing Prequal", NSDI 2024, §4). With the rule hotCold it is
// Prequal; with others it is what the paper's §5.2 compares it with.
//
// From the paper: a pool of m = 16 answers, each at most 1 s old; r_probe = 3
// probes for each request, to endpoints drawn without replacement; an answer is
// used b = max{1, (1+δ)/((1−m/n)·r_probe − r_remove)} times, δ = 1, rounded at
// random to one of the integers beside it; beyond the capacity, and r_remove =
// 1 time after each request, an answer is removed, in turn the oldest and the
// worst; a request that is sent counts as in flight in its endpoint's pooled
// answer; with fewer than two answers a random endpoint is picked.
//
// Our reading, where the paper is silent: a new answer replaces the one of the
// same endpoint (the 1−m/n of the formula); where the formula's divisor is not
// positive the probes cannot keep up and an answer is used up to 16 times, as
// in prequal-rs (which otherwise has 1 + δ/(…), not (1+δ)/(…)); an endpoint
// that cannot tell a latency yet is told as 0. Between requests nothing is
// asked unless idle says after how long. The paper avoids endpoints that fail
// quickly but omits how: guard, off, is ours.
type prequal struct {
	open
	random   *rand.Rand
	rule     rule
	pool     pool
	inFlight counts // of this proxy
	guard    guard

	capacity, reuseMost           int
	probesEach, removeEach, delta float64
	age, idle                     time.Duration

	picks      int     // since Probes was called last
	probeOwed  float64 // fractions of r_probe and r_remove left over
	removeOwed float64
	oldestNext bool
	idleAt     time.Duration
}

func newProber(c Config, s settings, r rule) *prequal {
	p := &prequal{
		random: newRandom(c, 12), rule: r, oldestNext: true,
		capacity: s.count("pool"), reuseMost: s.count("reuse"),
		probesEach: s["probes"], removeEach: s["remove"], delta: s["delta"],
		age: s.duration("age"), idle: s.duration("idle"),
		guard: guard{cost: s["guard"]},
	}
	p.pool = make(pool, 0, p.capacity+1)
	return p
}

func newPrequal(c Config, s settings) Picker {
	return newProber(c, s, newHotCold(s["q"], s.count("history")))
}

func (p *prequal) Pick(now time.Duration, _ *mesh.Request) int {
	if len(p.list) == 0 {
		return -1
	}
	p.pool.expire(now, p.age)
	i := 0
	if len(p.pool) < 2 {
		i = p.one(p.random)
		p.sent(p.pool.find(i))
	} else {
		k := p.extreme(true)
		i = p.pool[k].endpoint
		p.sent(k)
		if p.pool[k].uses--; p.pool[k].uses <= 0 {
			p.pool.remove(k)
		}
	}
	p.inFlight[i]++
	p.picks++
	p.tidy()
	return i
}

// sent counts a request in the pooled answer k of its endpoint, if there is one.
func (p *prequal) sent(k int) {
	if k >= 0 {
		p.pool[k].inFlight++
	}
}

// extreme is the position of the best answer of the pool, or of the worst; the
// older on a tie. The pool is not empty.
func (p *prequal) extreme(best bool) int {
	k, chosen := 0, p.rule.rank(&p.pool[0], p.inFlight[p.pool[0].endpoint])
	for n := 1; n < len(p.pool); n++ {
		r := p.rule.rank(&p.pool[n], p.inFlight[p.pool[n].endpoint])
		if best && r.less(chosen) || !best && chosen.less(r) {
			k, chosen = n, r
		}
	}
	return k
}

// tidy removes what a request makes superfluous, in turn the oldest and the
// worst: the one against staleness, the other because good answers are used up
// and bad ones are left over.
func (p *prequal) tidy() {
	for p.removeOwed += p.removeEach; p.removeOwed >= 1; p.removeOwed-- {
		if len(p.pool) == 0 {
			continue
		}
		k := 0
		if !p.oldestNext {
			k = p.extreme(false)
		}
		p.pool.remove(k)
		p.oldestNext = !p.oldestNext
	}
}

// reuse is b, how many requests may use an answer, before it is rounded.
func (p *prequal) reuse() float64 {
	fill := float64(p.capacity) / float64(len(p.list))
	divisor := (1-fill)*p.probesEach - p.removeEach
	if divisor <= 0 {
		return float64(p.reuseMost)
	}
	return min(max(1, (1+p.delta)/divisor), float64(p.reuseMost))
}

func (p *prequal) Probes(dst []int, now time.Duration) ([]int, time.Duration) {
	n := 0
	if p.picks > 0 {
		p.probeOwed += float64(p.picks) * p.probesEach
		n, p.picks = int(p.probeOwed), 0
		p.probeOwed -= float64(n)
		p.idleAt = now + p.idle
	} else if p.idle > 0 && now >= p.idleAt {
		n = int(math.Ceil(p.probesEach))
		p.idleAt = now + p.idle
	}
	dst = p.sample(dst, n)
	if p.idle <= 0 {
		return dst, Never
	}
	return dst, p.idleAt
}

// sample appends n distinct open endpoints, all where there are no more, in
// random order: the first of equal answers is used first.
func (p *prequal) sample(dst []int, n int) []int {
	if n >= len(p.list) {
		all := len(dst)
		dst = append(dst, p.list...)
		for k := len(dst) - 1; k > all; k-- {
			other := all + p.random.IntN(k-all+1)
			dst[k], dst[other] = dst[other], dst[k]
		}
		return dst
	}
	start := len(dst)
	for len(dst)-start < n {
		i := p.one(p.random)
		if !contains(dst[start:], i) {
			dst = append(dst, i)
		}
	}
	return dst
}

func contains(list []int, i int) bool {
	for _, x := range list {
		if x == i {
			return true
		}
	}
	return false
}

func (p *prequal) Probed(now time.Duration, i int, l mesh.Load) {
	if !p.has(i) || !(l.InFlight >= 0) {
		return
	}
	e := pooled{endpoint: i, at: now, inFlight: l.InFlight}
	if l.Latency > 0 {
		e.latency = l.Latency
	}
	p.rule.probed(i, e.inFlight, e.latency, l.Service)
	e.latency += p.guard.penalty(now, i)
	b := p.reuse()
	e.uses = int(b)
	if p.random.Float64() < b-math.Floor(b) {
		e.uses++
	}
	p.pool.add(e, p.capacity)
}

func (p *prequal) Done(now time.Duration, i int, o mesh.Outcome) {
	if i < 0 || i >= len(p.inFlight) {
		return
	}
	p.inFlight.done(i)
	p.rule.done(i, max(o.Latency, 0).Seconds())
	if p.guard.cost > 0 {
		if p.guard.done(now, i, o.Failed); o.Failed {
			p.pool.drop(i)
		}
	}
}

func (p *prequal) recall(i int) {
	p.inFlight.done(i)
	if p.picks > 0 {
		p.picks--
	}
	if k := p.pool.find(i); k >= 0 {
		p.pool[k].inFlight = max(p.pool[k].inFlight-1, 0)
	}
}

func (p *prequal) Update(w mesh.Weights) {
	p.set(w)
	p.inFlight.grow(len(w))
	p.rule.grow(len(w))
	p.guard.grow(len(w))
	for k := len(p.pool) - 1; k >= 0; k-- {
		if !p.has(p.pool[k].endpoint) {
			p.pool.remove(k)
		}
	}
}
