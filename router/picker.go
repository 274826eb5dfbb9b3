package router

import (
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Picker picks an endpoint for each request of one proxy and hears what became
// of it. It is not safe for concurrent use. Equal seeds and calls give equal
// picks.
type Picker interface {
	// Pick returns the position of an endpoint, or -1 when there is none. now
	// is the time since the proxy's start.
	Pick(now time.Duration, r *mesh.Request) int
	// Done ends the request that Pick sent to endpoint i.
	Done(now time.Duration, i int, o mesh.Outcome)
	// Update takes new weights, for endpoints 0 to len(w)−1; what is known of
	// endpoints that stay is kept.
	Update(w mesh.Weights)
}

// NewWeighted picks at random in proportion to the weights.
func NewWeighted(w mesh.Weights, seed uint64) Picker {
	p := &weighted{random: rand.New(rand.NewPCG(seed, 1))}
	p.Update(w)
	return p
}

type weighted struct {
	random *rand.Rand
	draw   draw
}

func (p *weighted) Pick(time.Duration, *mesh.Request) int { return p.draw.pick(p.random.Uint64()) }

func (p *weighted) Done(time.Duration, int, mesh.Outcome) {}

func (p *weighted) Update(w mesh.Weights) { p.draw = newDraw(p.draw, w) }

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
	draw     draw
	inFlight []int
}

func (p *powerOfTwo) Pick(time.Duration, *mesh.Request) int {
	i, j := p.draw.pick(p.random.Uint64()), p.draw.pick(p.random.Uint64())
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
	p.draw = newDraw(p.draw, w)
	for len(p.inFlight) < len(w) {
		p.inFlight = append(p.inFlight, 0)
	}
}

// draw picks positions at random in proportion to weights: their running sums.
// An alias table was tried in mind and left: below some hundred endpoints a
// binary search in one cache line or two is as fast and exact.
type draw []float64

// newDraw reuses the memory of d. Weights that sum to 0 draw nothing.
func newDraw(d draw, w []float64) draw {
	d = sized(d, len(w))
	sum, last := 0.0, -1
	for i, x := range w {
		sum += max(x, 0)
		d[i] = sum
		if x > 0 {
			last = i
		}
	}
	if last < 0 {
		return d[:0]
	}
	for i := range d {
		d[i] /= sum
		if i >= last {
			d[i] = 1 // whatever the rounding, one is always found
		}
	}
	return d
}

// pick uses the upper 53 of 64 random bits.
func (d draw) pick(u uint64) int {
	if len(d) == 0 {
		return -1
	}
	x := unit(u)
	low, high := 0, len(d)-1 // the first running sum above x
	for low < high {
		if middle := (low + high) / 2; d[middle] > x {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// unit turns random bits into a number in [0, 1).
func unit(u uint64) float64 { return float64(u>>11) / (1 << 53) }
