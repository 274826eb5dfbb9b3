package picker

import (
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// NewPowerOfTwo draws two distinct ones of n endpoints by weight (nil: equal
// weights) and picks the one with fewer requests of this proxy in flight, the
// first on a tie (Mitzenmacher, "The power of two choices", TPDS 2001; distinct
// as in Finagle's P2C). The counts are not divided by the weights: drawing by
// capacity and scoring by it too would count it twice.
//
// With weights that sum to 1, endpoint i is the first of the two with
// probability w_i, and the second with that of being drawn of those that the
// first left, Σ_{j≠i} w_j·w_i/(1−w_j): equal for equal weights, and nearer to
// equal than the weights are else. On ties the first counts, so that with
// nothing in flight the picks are by weight exactly. Where one endpoint alone
// has a weight, it is both.
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
	i := p.draw.Pick(p.random.Uint64())
	if i < 0 {
		return -1
	}
	if j := p.draw.PickOther(p.random.Uint64(), i); p.inFlight[j] < p.inFlight[i] {
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
