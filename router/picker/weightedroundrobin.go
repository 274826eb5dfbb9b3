package picker

import (
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// weightedRoundRobin picks in turn, in proportion to the weights that it is
// given and evenly spaced: Envoy's ROUND_ROBIN with unequal weights. What the
// weights stand for, such as capacity, is the business of who sets them.
type weightedRoundRobin struct {
	open
	weights  mesh.Weights
	schedule edf
	random   *rand.Rand
}

func newWeightedRoundRobin(c Config, _ settings) Picker {
	return &weightedRoundRobin{random: newRandom(c, 5)}
}

func (p *weightedRoundRobin) Pick(time.Duration, *mesh.Request) int {
	i := p.schedule.first()
	if i >= 0 {
		p.schedule.again(p.weights[i])
	}
	return i
}

func (p *weightedRoundRobin) Done(time.Duration, int, mesh.Outcome) {}

func (p *weightedRoundRobin) Update(w mesh.Weights) {
	p.set(w)
	p.weights = append(p.weights[:0], w...)
	p.schedule.reset(&p.open, func(i int) float64 { return p.weights[i] }, p.random)
}
