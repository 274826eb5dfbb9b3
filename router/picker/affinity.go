package picker

import (
	"math"
	"slices"
)

// Affinity keeps the requests of a session, told by a key, at one position, though
// the weights change with every window. It is readied in the slow loop; Pick does
// not allocate, and any number of goroutines may call it.
//
// A ring or a Maglev table of the weights themselves would move sessions with each
// change of theirs. So the table is one of who is there, all alike, also who has no
// weight for now, and the weights only bound it, as in consistent hashing with bounded
// loads (Mirrokni, Thorup and Zadimoghaddam, SODA 2018): no position gets more than
// slack times its weight of the keys. What is over the bound goes by weighted
// rendezvous to those with room. Which keys are over depends on the key alone and not on
// the order of requests: as a position's weight falls it gives up some of its own
// keys, at 0 (it is ejected) all, and takes the same ones back as the weight
// rises; and whoever has the same names and weights, a client or another daemon,
// sends a key to the same place. TestSessionsMoved prints what each way moves.
//
// What a subset gets is not bounded but exact, for a rule may have bound it: the
// subset is drawn by the key in proportion to its weights (Stick), and each has a
// table of its own.
type Affinity struct {
	hashing Hashing
	parts   []part
	sums    []float64 // per part
	names   []uint64  // hashes of the parts' names
	shares  []float64 // per position
}

// Hashing is the kind of table and its size; 0 is the kind's default.
type Hashing struct {
	Maglev bool // else a Ring
	Size   int
}

// part is a subset.
type part struct {
	table   interface{ Pick(hash uint64) int }
	owns    []float64 // share of the table, per member
	members []int     // their positions
	hashes  []uint64
	bounds  []uint64  // of the lot of a key below which a member takes it
	room    []float64 // per member, what it can have beside its own keys
}

// slack is the bound on a position's keys, as a multiple of its weight: the 1.25 of
// the authors' examples.
const slack = 1.25

// NewAffinity readies the table of names with these hashes (see Hash), in subsets,
// under weights that are not negative. The tables of former, which may be nil, are
// used again where the same names are in a subset.
func NewAffinity(h Hashing, hashes []uint64, subsets []string, weights []float64, former *Affinity) *Affinity {
	a := &Affinity{hashing: h, shares: make([]float64, len(hashes))}
	places := map[string]int{}
	for i, subset := range subsets {
		k, known := places[subset]
		if !known {
			k = len(a.parts)
			places[subset] = k
			a.parts, a.sums, a.names = append(a.parts, part{}), append(a.sums, 0), append(a.names, Hash(subset))
		}
		p := &a.parts[k]
		p.members, p.hashes = append(p.members, i), append(p.hashes, hashes[i])
		a.sums[k] += max(weights[i], 0)
	}
	total := 0.0
	for _, sum := range a.sums {
		total += sum
	}
	for k := range a.parts {
		if a.sums[k] > 0 {
			a.parts[k].ready(a, weights, a.sums[k], a.sums[k]/total, former)
		}
	}
	return a
}

// ready makes the table and the bounds of a part with this sum of weights.
func (p *part) ready(a *Affinity, weights []float64, sum, share float64, former *Affinity) {
	if !p.reuse(a.hashing, former) {
		alike := slices.Repeat([]float64{1}, len(p.members))
		if a.hashing.Maglev {
			m := NewMaglev(p.hashes, alike, a.hashing.Size)
			p.table, p.owns = m, m.Shares()
		} else {
			r := NewRing(p.hashes, alike, a.hashing.Size)
			p.table, p.owns = r, r.Shares()
		}
	}
	over, room := 0.0, 0.0
	for m, i := range p.members {
		most := slack * max(weights[i], 0) / sum
		takes := 1.0
		if p.owns[m] > most {
			takes = most / p.owns[m]
		}
		p.bounds = append(p.bounds, chance(takes))
		p.room = append(p.room, max(most-p.owns[m], 0))
		over, room = over+max(p.owns[m]-most, 0), room+p.room[m]
	}
	for m, i := range p.members {
		a.shares[i] = share * (min(p.owns[m], slack*max(weights[i], 0)/sum) + over*p.room[m]/room)
	}
}

// chance is the bound below which 64 random bits are with probability x.
func chance(x float64) uint64 {
	if x >= 1 {
		return math.MaxUint64
	}
	return uint64(x * (1 << 64))
}

// reuse takes over the table of a part with the same members.
func (p *part) reuse(h Hashing, former *Affinity) bool {
	if former == nil || former.hashing != h {
		return false
	}
	for k := range former.parts {
		if old := &former.parts[k]; old.table != nil && slices.Equal(old.hashes, p.hashes) {
			p.table, p.owns = old.table, old.owns
			return true
		}
	}
	return false
}

// Pick is the position of a key; −1 when no weight is above 0.
func (a *Affinity) Pick(key string) int {
	seed := Hash(key)
	k := 0
	if len(a.parts) != 1 {
		k = stick(a.sums, a.names, Scramble(seed^1))
	}
	if k < 0 || !(a.sums[k] > 0) {
		return -1
	}
	p := &a.parts[k]
	m := p.table.Pick(seed)
	if lot := Scramble(Scramble(seed^2) ^ p.hashes[m]); lot > p.bounds[m] || p.bounds[m] == 0 {
		m = stick(p.room, p.hashes, Scramble(seed^3))
	}
	return p.members[m]
}

// Shares are the parts of all keys that each position gets, at most 1.25 times its
// weight; do not write to them.
func (a *Affinity) Shares() []float64 { return a.shares }
