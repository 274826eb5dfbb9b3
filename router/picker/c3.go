package picker

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// c3 is C3 as a whole (Suresh et al., "C3: Cutting tail latency in cloud data
// stores via adaptive replica selection", NSDI 2015, and its simulator,
// lalithsuresh/absim): of the endpoints that its rate control lets it send to,
// the one with the least score; a request waits where there is none.
//
// Score: (R − 1/μ) + q̂³/μ with q̂ = 1 + os·n + q̄, as in c3Score, from what
// endpoints say beside their answers, in averages that give the newest 0.9
// (absim). An endpoint that was never heard scores 0 and so is tried first.
// Rate control: see cubic; C = 4e-6, β = 0.2, Smax = 10, hysteresis 2 intervals
// of 10 ms (absim), a bucket of 10.
//
// Our reading: the published replica set is of 3 endpoints and here it is all
// of them, and a request that waits is offered at every answer, not only when
// the next token is due. An answer that tells no load counts as one of an empty
// endpoint that took its time to serve. A failure that tells none is no answer,
// as neither code knows one: it counts in R, which this proxy sees itself, but
// not in 1/μ, q̄ and the rate. Left out: the shadow reads, a tenth of the reads
// sent to all replicas, which a picker cannot send.
type c3 struct {
	open
	random                    *rand.Rand
	limit                     cubicRule
	proxies, newest, exponent float64
	known                     []c3Endpoint
	retry                     time.Duration
}

type c3Endpoint struct {
	c3View
	limit    cubic
	inFlight int
}

func newC3(c Config, s settings) Picker {
	return &c3{
		random: newRandom(c, 13), proxies: s.proxies(c), newest: s["newest"], exponent: s["exponent"],
		limit: cubicRule{
			c: s["c"], beta: s["beta"], most: s["smax"], hysteresis: s["hysteresis"],
			burst: s["burst"], interval: s.duration("interval"),
		},
		retry: Never,
	}
}

func (p *c3) Pick(now time.Duration, _ *mesh.Request) int {
	best, least, ties := -1, 0.0, 0
	wait := time.Duration(math.MaxInt64)
	for _, i := range p.list {
		k := &p.known[i]
		if tokens := k.limit.available(now, &p.limit); tokens < 1-1e-9 {
			wait = min(wait, k.limit.wait(tokens, &p.limit))
			continue
		}
		switch score := p.score(k); {
		case best < 0 || score < least:
			best, least, ties = i, score, 1
		case score == least:
			if ties++; p.random.IntN(ties) == 0 {
				best = i
			}
		}
	}
	if best < 0 {
		if len(p.list) == 0 {
			return -1
		}
		p.retry = now + min(wait, Never-now)
		return Held
	}
	p.known[best].limit.take(now, &p.limit)
	p.known[best].inFlight++
	return best
}

func (p *c3) score(k *c3Endpoint) float64 {
	if !k.response.begun {
		return 0
	}
	return c3Cost(k.response.mean, k.service.mean, k.queue.mean, k.inFlight, p.proxies, p.exponent)
}

// Retry is when the first endpoint has a token again, of a request that Pick held.
func (p *c3) Retry(time.Duration) time.Duration { return p.retry }

// ReadsLoad says that this picker lives on what is said beside answers.
func (p *c3) ReadsLoad() {}

func (p *c3) Done(now time.Duration, i int, o mesh.Outcome) {
	if i < 0 || i >= len(p.known) {
		return
	}
	k := &p.known[i]
	if k.inFlight > 0 {
		k.inFlight--
	}
	latency := max(o.Latency, 0).Seconds()
	k.response.add(latency, p.newest)
	if o.Failed && o.Load == nil {
		return
	}
	service, queue := latency, 0.0
	if o.Load != nil {
		if o.Load.Service > 0 {
			service = o.Load.Service
		}
		queue = max(o.Load.InFlight, 0)
		if math.IsNaN(queue) {
			queue = 0
		}
	}
	k.service.add(service, p.newest)
	k.queue.add(queue, p.newest)
	k.limit.answered(now, &p.limit)
}

func (p *c3) recall(i int) {
	k := &p.known[i]
	k.limit.tokens++
	if k.inFlight > 0 {
		k.inFlight--
	}
}

func (p *c3) Update(w mesh.Weights) {
	p.set(w)
	p.known = resize(p.known, len(w), c3Endpoint{limit: p.limit.fresh()})
}

// power is x^e, quick for the cube.
func power(x, e float64) float64 {
	if e == 3 {
		return x * x * x
	}
	return math.Pow(x, e)
}
