package picker

import (
	"math/rand/v2"

	"github.com/fairway-mesh/fairway/mesh"
)

// open is the endpoints that may be picked: those whose weight is above 0.
type open struct {
	list []int
	is   []bool // by position
}

// set reuses the memory that it has, so that an update that changes no number
// of endpoints allocates nothing.
func (o *open) set(w mesh.Weights) {
	o.list, o.is = o.list[:0], o.is[:0]
	for i, x := range w {
		o.is = append(o.is, x > 0)
		if x > 0 {
			o.list = append(o.list, i)
		}
	}
}

func (o *open) has(i int) bool { return i >= 0 && i < len(o.is) && o.is[i] }

// one draws an endpoint, all alike; −1 when none is open.
func (o *open) one(r *rand.Rand) int {
	if len(o.list) == 0 {
		return -1
	}
	return o.list[r.IntN(len(o.list))]
}

// two draws two endpoints, all pairs alike: distinct ones where there are two;
// −1 when none is open.
func (o *open) two(r *rand.Rand) (int, int) {
	n := len(o.list)
	if n < 2 {
		i := o.one(r)
		return i, i
	}
	a, b := r.IntN(n), r.IntN(n-1)
	if b >= a {
		b++
	}
	return o.list[a], o.list[b]
}

// counts is how many requests of this proxy each endpoint has in flight. It
// never shrinks, so that an answer of an endpoint that has gone ends what it
// began should the endpoint come back.
type counts []int

func (c *counts) grow(n int) {
	for len(*c) < n {
		*c = append(*c, 0)
	}
}

// done does nothing for an endpoint that was never picked.
func (c counts) done(i int) {
	if i >= 0 && i < len(c) && c[i] > 0 {
		c[i]--
	}
}

// resize makes s at least n long; what is added is a copy of fresh.
func resize[T any](s []T, n int, fresh T) []T {
	for len(s) < n {
		s = append(s, fresh)
	}
	return s
}

func newRandom(c Config, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(c.Seed, stream)) }
