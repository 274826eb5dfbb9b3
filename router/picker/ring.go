package picker

import (
	"cmp"
	"math"
	"slices"
)

// Ring is a ketama ring: every position has points on a circle of 2⁶⁴, and a hash
// belongs to the next point at or after it. Who goes leaves its hashes to the next
// points and moves no others.
//
// Unlike the rings of Envoy and gRFC A42, a position's points do not depend on
// how many others there are, but for powers of two: those of a ring of n are scaled
// to its size at every change, and then a few of the other sessions move too.
type Ring struct {
	at     []uint64 // ascending
	owner  []uint32 // of each point
	shares []float64
}

const (
	defaultRing = 4096    // points in all: the most that gRFC A42 has by default
	leastPoints = 32      // for a weight of 1
	maxRing     = 1 << 18 // a message must not make one that takes longer than a window
)

// NewRing makes the ring of the names with these hashes (see Hash). A weight of 1 has
// so many points that the ring has about size of them (0: 4096), at least 32; other
// weights in proportion. Weights that are not above 0 have none.
func NewRing(hashes []uint64, weights []float64, size int) *Ring {
	r := &Ring{shares: make([]float64, len(hashes))}
	unit := perWeight(weights, size)
	for i, w := range weights {
		if !(w > 0) {
			continue
		}
		for k := range max(1, int(math.Round(unit*w))) {
			r.at = append(r.at, Scramble(hashes[i]^Scramble(uint64(k))))
			r.owner = append(r.owner, uint32(i))
		}
	}
	r.sort(hashes)
	for k, at := range r.at { // the first has what lies beyond the last
		r.shares[r.owner[k]] += float64(at-r.at[(k+len(r.at)-1)%len(r.at)]) / (1 << 64)
	}
	if len(r.at) == 1 {
		r.shares[r.owner[0]] = 1
	}
	return r
}

// perWeight is how many points a weight of 1 has: a power of two, so that it seldom
// changes when an endpoint comes or goes.
func perWeight(weights []float64, size int) float64 {
	if size <= 0 {
		size = defaultRing
	}
	sum := 0.0
	for _, w := range weights {
		sum += max(w, 0)
	}
	if !(sum > 0) {
		return 0
	}
	unit := max(math.Exp2(math.Ceil(math.Log2(float64(size)/sum))), leastPoints)
	return min(unit, math.Exp2(math.Floor(math.Log2(maxRing/sum))))
}

// sort puts the points in order; of equal ones, which 64 bits all but rule out, by
// name, so that the order of the names does not matter.
func (r *Ring) sort(hashes []uint64) {
	order := make([]int, len(r.at))
	for k := range order {
		order[k] = k
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(r.at[a], r.at[b]), cmp.Compare(hashes[r.owner[a]], hashes[r.owner[b]]))
	})
	at, owner := make([]uint64, len(order)), make([]uint32, len(order))
	for k, from := range order {
		at[k], owner[k] = r.at[from], r.owner[from]
	}
	r.at, r.owner = at, owner
}

// Pick is the position of a hash; −1 on an empty ring.
func (r *Ring) Pick(hash uint64) int {
	if len(r.at) == 0 {
		return -1
	}
	low, high := 0, len(r.at)
	for low < high {
		if middle := int(uint(low+high) / 2); r.at[middle] < hash {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == len(r.at) {
		low = 0
	}
	return int(r.owner[low])
}

// Shares are the parts of all hashes that each position has, exactly; do not write
// to them.
func (r *Ring) Shares() []float64 { return r.shares }
