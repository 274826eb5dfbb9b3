package picker

import (
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// uniform picks at random, every endpoint alike whatever its weight above 0:
// the Random of Prequal's §5.2.
type uniform struct {
	open
	random *rand.Rand
}

func newUniform(c Config, _ settings) Picker { return &uniform{random: newRandom(c, 3)} }

func (p *uniform) Pick(time.Duration, *mesh.Request) int { return p.one(p.random) }

func (p *uniform) Done(time.Duration, int, mesh.Outcome) {}

func (p *uniform) Update(w mesh.Weights) { p.set(w) }
