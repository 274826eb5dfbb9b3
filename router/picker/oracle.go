package picker

import (
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// oracle picks the endpoint that would be done first, which only a simulation
// can tell, a random one of several: what no picker can know, as a bound. It is
// greedy, so it bounds what one request can gain, not what a fleet can.
type oracle struct {
	open
	random *rand.Rand
	truth  func(i int) float64
}

func newOracle(c Config, _ settings) Picker {
	return &oracle{random: newRandom(c, 10), truth: c.Truth}
}

func (p *oracle) Pick(time.Duration, *mesh.Request) int {
	best, least, ties := -1, 0.0, 0
	for _, i := range p.list {
		switch t := p.truth(i); {
		case best < 0 || t < least:
			best, least, ties = i, t, 1
		case t == least:
			if ties++; p.random.IntN(ties) == 0 {
				best = i
			}
		}
	}
	return best
}

func (p *oracle) Done(time.Duration, int, mesh.Outcome) {}

func (p *oracle) Update(w mesh.Weights) { p.set(w) }
