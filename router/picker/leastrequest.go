package picker

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// leastRequest is Envoy's LEAST_REQUEST (least_request_lb.cc), on requests of
// this proxy alone. Among equal weights it takes the least loaded of a few
// random endpoints, drawn with replacement, the first on a tie. Among unequal
// ones it is a schedule in which an endpoint that is picked is due again after
// (in flight + 1)^bias / weight, with what is in flight before the request: a
// count that changes later is noticed at the endpoint's next turn only, as in
// Envoy.
type leastRequest struct {
	open
	inFlight counts
	weights  mesh.Weights
	equal    bool
	schedule edf
	random   *rand.Rand
	choices  int
	bias     float64
}

func newLeastRequest(c Config, s settings) Picker {
	return &leastRequest{random: newRandom(c, 7), choices: s.count("choices"), bias: s["bias"]}
}

func (p *leastRequest) Pick(time.Duration, *mesh.Request) int {
	best := -1
	if p.equal {
		best = p.one(p.random)
		for k := 1; best >= 0 && k < p.choices; k++ {
			if i := p.one(p.random); p.inFlight[i] < p.inFlight[best] {
				best = i
			}
		}
	} else if best = p.schedule.first(); best >= 0 {
		p.schedule.again(p.weight(best))
	}
	if best >= 0 {
		p.inFlight[best]++
	}
	return best
}

func (p *leastRequest) weight(i int) float64 {
	active := float64(p.inFlight[i] + 1)
	if p.bias != 1 {
		active = math.Pow(active, p.bias)
	}
	return p.weights[i] / active
}

func (p *leastRequest) Done(_ time.Duration, i int, _ mesh.Outcome) { p.inFlight.done(i) }

func (p *leastRequest) Update(w mesh.Weights) {
	p.set(w)
	p.inFlight.grow(len(w))
	p.weights = append(p.weights[:0], w...)
	p.equal = true
	for _, i := range p.list {
		if first := w[p.list[0]]; math.Abs(w[i]-first) > 1e-9*first {
			p.equal = false
		}
	}
	if !p.equal {
		p.schedule.reset(&p.open, p.weight, p.random)
	}
}
