package picker

import "math"

// Stick picks a position by weighted rendezvous hashing: the largest of
// w/−ln(h), h the hash of key and name as a number in (0, 1); −1 when no weight
// is above 0. hashes are those of the names, see Hash. Over all keys positions
// are picked in proportion to their weights, and a change of one weight moves
// only the sessions that it must (Schindelhauer and Schomaker, "Weighted
// distributed hash tables", SPAA 2005). Who has the same names and weights, in
// whatever order, sticks to the same.
func Stick(weights []float64, hashes []uint64, key string) int {
	return stick(weights, hashes, Hash(key))
}

func stick(weights []float64, hashes []uint64, seed uint64) int {
	best, highest := -1, 0.0
	for i, w := range weights {
		if w <= 0 {
			continue
		}
		score := w / -math.Log((float64(Scramble(seed^hashes[i])>>11)+0.5)/(1<<53))
		if best < 0 || score > highest {
			best, highest = i, score
		}
	}
	return best
}

// Hash is FNV-1a, scrambled.
func Hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return Scramble(h)
}

// Scramble is the finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
func Scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
