package picker

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// ejection is the outlier ejection of gRFC A50, with the numbers of grpc-go
// (outlierdetection/balancer.go): each interval of 10 s it looks at what became
// of the requests of this proxy, ejects endpoints that fail more than others,
// and lets them back after the base ejection time of 30 s times the number of
// their ejections lately, at most 300 s.
//
// Success rate: of at least 5 endpoints with at least 100 requests each, those
// whose rate is below the mean − 1.9 standard deviations (of the population).
// Failure percentage: of at least 5 with at least 50, those above 85 %; its
// enforcement is 0 % by default, as published, so that it acts only where
// failure_enforce says so. No ejection begins while max_ejected, 10 %, of the
// endpoints are ejected, so one always may be.
//
// An ejected endpoint gets weight 0 through Update, which every picker heeds.
// Ours: where that leaves nothing, the weights stay as they are, as under
// Envoy's panic threshold.
type ejection struct {
	inner   Picker
	random  *rand.Rand
	rules   ejectionRules
	weights mesh.Weights // as given
	masked  mesh.Weights
	known   []suspect
	out     int // how many are ejected
	open    int // endpoints with a weight
	next    time.Duration
}

type ejectionRules struct {
	interval, base, longest                                    time.Duration
	share, deviations                                          float64
	endpoints, requests, enforce                               float64
	failure, failureEndpoints, failureRequests, failureEnforce float64
}

// suspect is what is known of one endpoint.
type suspect struct {
	good, bad     float64 // in this interval
	asked, failed float64 // in the last
	ejected       bool
	since         time.Duration
	times         int // ejections lately
}

func newEjection(inner Picker, c Config, s settings, _ bool) Picker {
	p := &ejection{inner: inner, random: newRandom(c, 14), rules: ejectionRules{
		interval: s.duration("interval"), base: s.duration("base"), longest: s.duration("longest"),
		share: s["max_ejected"], deviations: s["deviations"],
		endpoints: s["endpoints"], requests: s["requests"], enforce: s["enforce"],
		failure: s["failure"], failureEndpoints: s["failure_endpoints"],
		failureRequests: s["failure_requests"], failureEnforce: s["failure_enforce"],
	}}
	p.next = p.rules.interval
	return dress(p, inner)
}

func (p *ejection) Pick(now time.Duration, r *mesh.Request) int {
	if now >= p.next {
		p.next = now + p.rules.interval
		p.sweep(now)
	}
	return p.inner.Pick(now, r)
}

func (p *ejection) recall(i int) { recall(p.inner, i) }

func (p *ejection) Board(b Board) { tell(p.inner, b) }

func (p *ejection) Done(now time.Duration, i int, o mesh.Outcome) {
	if i >= 0 && i < len(p.known) {
		if o.Failed {
			p.known[i].bad++
		} else {
			p.known[i].good++
		}
	}
	p.inner.Done(now, i, o)
}

func (p *ejection) sweep(now time.Duration) {
	for i := range p.known {
		k := &p.known[i]
		k.asked, k.failed = k.good+k.bad, k.bad
		k.good, k.bad = 0, 0
	}
	before := p.out
	changed := p.bySuccessRate(now)
	changed = p.byFailures(now) || changed
	for i := range p.known {
		k := &p.known[i]
		if !k.ejected {
			k.times = max(k.times-1, 0)
			continue
		}
		span := min(p.rules.base*time.Duration(k.times), max(p.rules.base, p.rules.longest))
		if now > k.since+span {
			k.ejected, changed = false, true
			p.out--
		}
	}
	if changed || before != p.out {
		p.mask()
	}
}

// considered calls f for the endpoints that were asked often enough, and says
// how many there are.
func (p *ejection) considered(requests float64, f func(k *suspect)) (n float64) {
	for i := range p.weights {
		if k := &p.known[i]; k.asked > 0 && k.asked >= requests {
			n++
			if f != nil {
				f(k)
			}
		}
	}
	return n
}

func (k *suspect) successRate() float64 { return 1 - k.failed/k.asked }

func (p *ejection) bySuccessRate(now time.Duration) (changed bool) {
	sum, squares := 0.0, 0.0
	n := p.considered(p.rules.requests, func(k *suspect) { sum += k.successRate() })
	if n == 0 || n < p.rules.endpoints {
		return false
	}
	mean := sum / n
	p.considered(p.rules.requests, func(k *suspect) { squares += (k.successRate() - mean) * (k.successRate() - mean) })
	required := mean - p.rules.deviations*math.Sqrt(squares/n)
	p.considered(p.rules.requests, func(k *suspect) {
		if k.successRate() < required {
			changed = p.eject(now, k, p.rules.enforce) || changed
		}
	})
	return changed
}

func (p *ejection) byFailures(now time.Duration) (changed bool) {
	if n := p.considered(p.rules.failureRequests, nil); n == 0 || n < p.rules.failureEndpoints {
		return false
	}
	p.considered(p.rules.failureRequests, func(k *suspect) {
		if 100*k.failed/k.asked > p.rules.failure {
			changed = p.eject(now, k, p.rules.failureEnforce) || changed
		}
	})
	return changed
}

// eject takes the endpoint out unless enough are, and unless enforcement, in
// percent, spares it.
func (p *ejection) eject(now time.Duration, k *suspect, enforce float64) bool {
	if 100*float64(p.out) >= p.rules.share*float64(p.open) || !(100*p.random.Float64() < enforce) {
		return false
	}
	if !k.ejected { // both algorithms, or an answer that came late, may name it
		k.ejected = true
		p.out++
	}
	k.since = now
	k.times++
	return true
}

// mask tells the inner picker who is out.
func (p *ejection) mask() {
	left := false
	for i, w := range p.weights {
		p.masked[i] = w
		if p.known[i].ejected {
			p.masked[i] = 0
		}
		left = left || p.masked[i] > 0
	}
	if !left {
		copy(p.masked, p.weights)
	}
	scale(p.masked)
	p.inner.Update(p.masked)
}

func (p *ejection) Update(w mesh.Weights) {
	p.weights = append(p.weights[:0], w...)
	p.masked = append(p.masked[:0], w...)
	for len(p.known) > len(w) { // who has gone is forgotten
		if last := len(p.known) - 1; p.known[last].ejected {
			p.out--
		}
		p.known = p.known[:len(p.known)-1]
	}
	p.known = resize(p.known, len(w), suspect{})
	p.open = 0
	for _, x := range w {
		if x > 0 {
			p.open++
		}
	}
	p.mask()
}
