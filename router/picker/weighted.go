package picker

import (
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// NewWeighted picks at random in proportion to the weights.
func NewWeighted(w mesh.Weights, seed uint64) Picker {
	p := &weighted{random: rand.New(rand.NewPCG(seed, 1))}
	p.Update(w)
	return p
}

type weighted struct {
	random *rand.Rand
	draw   Draw
}

func (p *weighted) Pick(time.Duration, *mesh.Request) int { return p.draw.Pick(p.random.Uint64()) }

func (p *weighted) Done(time.Duration, int, mesh.Outcome) {}

func (p *weighted) Update(w mesh.Weights) { p.draw = NewDraw(p.draw, w) }
