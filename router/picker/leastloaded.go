package picker

import (
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// leastLoaded picks the endpoint with the fewest requests of this proxy in
// flight, a random one of several: the LeastLoaded of Prequal's §5.2, whose
// load is client-local too. It looks at every endpoint.
type leastLoaded struct {
	open
	inFlight counts
	random   *rand.Rand
}

func newLeastLoaded(c Config, _ settings) Picker { return &leastLoaded{random: newRandom(c, 6)} }

func (p *leastLoaded) Pick(time.Duration, *mesh.Request) int {
	best, ties := -1, 0
	for _, i := range p.list {
		switch {
		case best < 0 || p.inFlight[i] < p.inFlight[best]:
			best, ties = i, 1
		case p.inFlight[i] == p.inFlight[best]:
			if ties++; p.random.IntN(ties) == 0 {
				best = i
			}
		}
	}
	if best >= 0 {
		p.inFlight[best]++
	}
	return best
}

func (p *leastLoaded) Done(_ time.Duration, i int, _ mesh.Outcome) { p.inFlight.done(i) }

func (p *leastLoaded) recall(i int) { p.inFlight.done(i) }

func (p *leastLoaded) Update(w mesh.Weights) {
	p.set(w)
	p.inFlight.grow(len(w))
}
