package picker

import (
	"cmp"
	"math/big"
	"math/bits"
	"slices"
)

// Maglev is the lookup table of Maglev (Eisenbud et al., "Maglev: A fast and
// reliable software network load balancer", NSDI 2016, §3.4): every position has a
// permutation of the table's places, and they take turns to take the next free place
// of theirs. Its shares are more even than a ring's and it is found at once; when
// one goes, some places of others change hands too.
type Maglev struct {
	owner  []uint32
	shares []float64
}

const (
	defaultMaglev = 65_537  // the paper's small table, and Envoy's default
	maxMaglev     = 655_373 // the paper's large table
)

// NewMaglev makes the table of the names with these hashes (see Hash), of the least
// prime that is not below size (0: 65537; at most 655373). Turns are in proportion to the weights, as
// in Envoy; weights that are not above 0 have none.
func NewMaglev(hashes []uint64, weights []float64, size int) *Maglev {
	m := &Maglev{shares: make([]float64, len(hashes))}
	type entry struct {
		position    int
		place, skip uint64
		due         float64 // the turn at which it has its next place
	}
	var entries []entry
	heaviest, prime := 0.0, tableSize(size)
	for i, w := range weights {
		if w > 0 {
			heaviest = max(heaviest, w)
			entries = append(entries, entry{i, Scramble(hashes[i]) % prime, Scramble(^hashes[i])%(prime-1) + 1, 0})
		}
	}
	if len(entries) == 0 {
		return m
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(hashes[a.position], hashes[b.position]) })
	const free = ^uint32(0)
	m.owner = slices.Repeat([]uint32{free}, int(prime))
	for turn, left := 0.0, prime; left > 0; turn++ {
		for k := range entries {
			e := &entries[k]
			if e.due > turn {
				continue
			}
			e.due += heaviest / weights[e.position]
			for m.owner[e.place] != free {
				e.place = (e.place + e.skip) % prime
			}
			m.owner[e.place] = uint32(e.position)
			m.shares[e.position] += 1 / float64(prime)
			if left--; left == 0 {
				break
			}
		}
	}
	return m
}

// tableSize is the least prime that is not below size, at most maxMaglev.
func tableSize(size int) uint64 {
	if size <= 0 {
		return defaultMaglev
	}
	n := int64(min(max(size, 3), maxMaglev))
	for !big.NewInt(n).ProbablyPrime(0) { // which is exact below 2⁶⁴
		n++
	}
	return uint64(n)
}

// Pick is the position of a hash; −1 of an empty table.
func (m *Maglev) Pick(hash uint64) int {
	if len(m.owner) == 0 {
		return -1
	}
	place, _ := bits.Mul64(hash, uint64(len(m.owner)))
	return int(m.owner[place])
}

// Shares are the parts of all hashes that each position has; do not write to them.
func (m *Maglev) Shares() []float64 { return m.shares }
