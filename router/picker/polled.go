package picker

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// polled is the YARP-Po2C of Prequal's §5.2: of two random endpoints the one
// with fewer requests in flight when all were asked last, which is each 500 ms.
// Our reading: what this proxy has sent since is not added, and an endpoint
// that has not answered yet is neither better nor worse than another. (YARP
// itself counts the requests of the proxy alone: power_of_two.)
type polled struct {
	open
	random   *rand.Rand
	poll     poll
	inFlight []float64 // NaN until told
}

func newPolled(c Config, s settings) Picker {
	return &polled{random: newRandom(c, 9), poll: poll{period: s.duration("period")}}
}

func (p *polled) Pick(time.Duration, *mesh.Request) int {
	i, j := p.two(p.random)
	if i >= 0 && p.inFlight[j] < p.inFlight[i] {
		i = j
	}
	return i
}

func (p *polled) Done(time.Duration, int, mesh.Outcome) {}

func (p *polled) Probes(dst []int, now time.Duration) ([]int, time.Duration) {
	return p.poll.probes(dst, now, &p.open, p.random)
}

func (p *polled) Probed(_ time.Duration, i int, l mesh.Load) {
	if p.has(i) {
		p.inFlight[i] = l.InFlight
	}
}

func (p *polled) Update(w mesh.Weights) {
	p.set(w)
	p.inFlight = resize(p.inFlight, len(w), math.NaN())
}
