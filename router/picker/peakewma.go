package picker

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// peakEWMA is Finagle's P2CPeakEwma, which Linkerd uses: of two random
// endpoints the one with the lower cost × (in flight + 1). The cost is a moving
// average of the latency that this proxy saw, which jumps to a peak at once and
// forgets with the time that passes; while nothing is heard it decays toward 0,
// so that a slow endpoint is tried again.
//
// From the code (PeakEwma.scala): decay 10 s; reading the load decays the cost
// too; an endpoint without a history that has a request in flight costs
// Long.MaxValue >> 16 nanoseconds and the number in flight. A failed request
// counts with the time that it took, so an endpoint that fails at once looks
// fast (ingress-nginx#5540, #9882): that is the published mechanism.
type peakEWMA struct {
	open
	random  *rand.Rand
	decay   float64 // seconds
	penalty float64 // seconds
	known   []peak
}

type peak struct {
	cost     float64 // seconds
	stamp    time.Duration
	inFlight int
}

func newPeakEWMA(c Config, s settings) Picker {
	return &peakEWMA{random: newRandom(c, 8), decay: s["decay"], penalty: s["penalty"]}
}

// observe moves the cost toward a latency, in seconds.
func (k *peak) observe(now time.Duration, latency, decay float64) {
	if latency > k.cost {
		k.cost = latency
	} else {
		w := math.Exp(-max(now-k.stamp, 0).Seconds() / decay)
		k.cost = k.cost*w + latency*(1-w)
	}
	k.stamp = now
}

func (p *peakEWMA) load(now time.Duration, i int) float64 {
	k := &p.known[i]
	k.observe(now, 0, p.decay)
	if k.cost == 0 && k.inFlight != 0 {
		return p.penalty + float64(k.inFlight)
	}
	return k.cost * float64(k.inFlight+1)
}

func (p *peakEWMA) Pick(now time.Duration, _ *mesh.Request) int {
	i, j := p.two(p.random)
	if i < 0 {
		return -1
	}
	if i != j && p.load(now, j) < p.load(now, i) {
		i = j
	}
	p.known[i].inFlight++
	return i
}

func (p *peakEWMA) Done(now time.Duration, i int, o mesh.Outcome) {
	if i < 0 || i >= len(p.known) {
		return
	}
	p.recall(i)
	p.known[i].observe(now, max(o.Latency, 0).Seconds(), p.decay)
}

func (p *peakEWMA) recall(i int) {
	if p.known[i].inFlight > 0 {
		p.known[i].inFlight--
	}
}

func (p *peakEWMA) Update(w mesh.Weights) {
	p.set(w)
	p.known = resize(p.known, len(w), peak{})
}
