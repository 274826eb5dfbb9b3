package picker

import (
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// NewPowerOfTwo draws two of n endpoints by weight (nil: equal weights) and
// picks the one with fewer requests of this proxy in flight, the first on a
// tie (Mitzenmacher, "The power of two choices", TPDS 2001). The counts are
// not divided by the weights: drawing by capacity and scoring by it too would
// count it twice.
func NewPowerOfTwo(n int, w mesh.Weights, seed uint64) Picker {
	p := &powerOfTwo{random: rand.New(rand.NewPCG(seed, 2))}
	if w == nil {
		w = make(mesh.Weights, n)
		w.Equal()
	}
	p.Update(w)
	return p
}

type powerOfTwo struct {
	random   *rand.Rand
	draw     Draw
	inFlight []int
}

func (p *powerOfTwo) Pick(time.Duration, *mesh.Request) int {
	i, j := p.draw.Pick(p.random.Uint64()), p.draw.Pick(p.random.Uint64())
	if i < 0 {
		return -1
	}
	if p.inFlight[j] < p.inFlight[i] {
		i = j
	}
	p.inFlight[i]++
	return i
}

func (p *powerOfTwo) Done(_ time.Duration, i int, _ mesh.Outcome) {
	if i >= 0 && i < len(p.inFlight) && p.inFlight[i] > 0 {
		p.inFlight[i]--
	}
}

func (p *powerOfTwo) Update(w mesh.Weights) {
	p.draw = NewDraw(p.draw, w)
	for len(p.inFlight) < len(w) {
		p.inFlight = append(p.inFlight, 0)
	}
}
