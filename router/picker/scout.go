package picker

import (
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// scout is the picker hot_cold. It makes one prediction of each endpoint out of
// all that a proxy can know: what the endpoint answered to a probe, what this
// proxy has sent there and had back since, what the other proxies are likely
// to have done meanwhile, and what the slow loop says on its board.
//
// It compares the endpoints that it heard of last: a probe's answer makes one a
// candidate, and so does an answer to a request, since an endpoint that is done
// with one has room. Of these, silent ones come last (they do not answer
// probes), then hot ones (their requests in flight exceed the q quantile of
// what was told lately, or their requests fail), and within a tier the one with
// the least cost is picked, of several within near of it one by weight. With
// nobody else it is power of two choices by weight.
//
// It asks as Prequal does, so many probes for each request, and never more.
type scout struct {
	open
	random *rand.Rand
	draw   Draw
	weight mesh.Weights

	candidates candidates
	known      []view // by endpoint
	fleet      fleet
	told       *hotCold // of the requests in flight that were told
	asking     asking

	near, power, alarm, guard float64
	forget, crowding          float64
	age, learn                time.Duration
}

// mostOwed is for how many requests there may be probes that nobody asked for.
const mostOwed = 16

// What an endpoint tells is at most that, in requests and in seconds, so that
// all that is made of it is finite.
const largest, longest = 1e9, 1e6

func newScout(c Config, s settings) Picker {
	return &scout{
		random:     newRandom(c, 18),
		candidates: make(candidates, 0, s.count("pool")),
		told:       newHotCold(s["q"], s.count("history")),
		asking:     asking{each: s["probes"], patience: s["patience"]},
		fleet:      fleet{failing: average{begun: true}}, // the first failure is not all that there is
		near:       s["near"], power: s["power"], alarm: s["alarm"], guard: s["guard"],
		forget: s["forget"], crowding: s["crowding"],
		age: s.duration("age"), learn: s.duration("learn"),
	}
}

func (p *scout) Pick(now time.Duration, _ *mesh.Request) int {
	if len(p.list) == 0 {
		return -1
	}
	best, in := p.best(now)
	if best < 0 || in == silent {
		best = p.drawn(now, best)
	}
	p.known[best].send(now)
	p.asking.owed = min(p.asking.owed+p.asking.each, mostOwed*p.asking.each)
	return best
}

// best is the best of the candidates and its tier; −1 if there are fewer than two.
func (p *scout) best(now time.Duration) (int, tier) {
	if len(p.candidates) < 2 {
		return -1, silent
	}
	best, in, least, sum := -1, silent, 0.0, 0.0
	for x := len(p.candidates) - 1; x >= 0; x-- { // the newest is the first on a tie
		i := int(p.candidates[x])
		t, c := p.cost(now, i)
		switch {
		case best < 0 || t < in || t == in && c < least*(1-p.near):
			best, in, least, sum = i, t, c, p.weight[i]
		case t == in && c <= least*(1+p.near):
			sum += p.weight[i]
			if p.random.Float64()*sum < p.weight[i] {
				best = i
			}
			least = min(least, c)
		}
	}
	return best, in
}

// drawn is the best of two that are drawn by weight, and of i unless that is
// negative.
func (p *scout) drawn(now time.Duration, i int) int {
	first := p.draw.Pick(p.random.Uint64())
	best := first
	in, least := p.cost(now, best)
	for _, j := range [2]int{p.draw.PickOther(p.random.Uint64(), first), i} {
		if j < 0 {
			continue
		}
		if t, c := p.cost(now, j); t < in || t == in && c < least {
			best, in, least = j, t, c
		}
	}
	return best
}

func (p *scout) Probes(dst []int, now time.Duration) ([]int, time.Duration) {
	start := len(dst)
	dst = p.asking.sample(dst, &p.open, p.random)
	for _, i := range dst[start:] {
		p.known[i].ask(now)
	}
	return dst, Never
}

func (p *scout) Probed(now time.Duration, i int, l mesh.Load) {
	if !p.has(i) || !(l.InFlight >= 0) {
		return
	}
	l.InFlight = min(l.InFlight, largest)
	k := &p.known[i]
	p.asking.answered(now, k)
	step := k.step(now, p.learn)
	k.others, k.at, k.heard = max(l.InFlight-float64(k.own), 0), now, true
	k.usual.add(k.others, step)
	p.fleet.others.add(k.others, fleetStep)
	p.told.probed(i, l.InFlight, 0, 0)
	if k.tells = l.Latency > 0; k.tells {
		p.compare(k, l.InFlight, min(l.Latency, longest), step)
	}
	p.candidates.enter(i)
}

// slowFailure is how many times the usual latency a failure takes that is none of
// the endpoint: a request too large for its deadline, or one that waited too
// long. Its latency speaks for itself, and what does not answer at all falls
// silent; only what fails sooner looks better than it is.
const slowFailure = 10

func (p *scout) Done(now time.Duration, i int, o mesh.Outcome) {
	if i < 0 || i >= len(p.known) {
		return
	}
	k := &p.known[i]
	n := p.inFlight(now, k)
	k.own, k.moved = max(k.own-1, 0), now
	latency := max(o.Latency, 0).Seconds()
	failed := o.Failed && !(latency > slowFailure*p.fleet.latency.mean)
	k.fails.done(now, failed)
	if failed {
		p.fleet.failing.add(1, fleetStep)
		return
	}
	p.fleet.failing.add(0, fleetStep)
	p.fleet.latency.add(latency, fleetStep)
	if !k.tells && latency > 0 {
		p.compare(k, n, min(latency, longest), fleetStep)
	}
	if p.has(i) && k.heard {
		p.candidates.enter(i)
	}
}

func (p *scout) recall(i int) {
	if i >= 0 && i < len(p.known) && p.known[i].own > 0 {
		p.known[i].own--
		p.asking.owed = max(p.asking.owed-p.asking.each, 0)
	}
}

func (p *scout) Update(w mesh.Weights) {
	p.set(w)
	p.weight = append(p.weight[:0], w...)
	p.draw = NewDraw(p.draw, w)
	p.known = resize(p.known, len(w), unheard)
	p.candidates.keep(&p.open)
	for i := range p.known {
		if !p.has(i) {
			p.known[i].asked = none // it is not asked while it gets nothing
		}
	}
	p.thrift(nil)
}
