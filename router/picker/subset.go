package picker

import (
	"cmp"
	"slices"
)

// Subset picks the endpoints of a large fleet that one proxy uses, so that not every
// proxy keeps a connection to each: the size of them with the highest hash of proxy and
// endpoint, by rendezvous hashing (gRFC A68, "Random subsetting"). hashes are those of
// the endpoints' names and proxy is that of the proxy's (see Hash). Only positions with
// a weight above 0 are taken: one that is ejected is replaced by the next, and
// comes back in its place. It returns them in ascending order; all where they are no
// more than size.
//
// Nobody counts, so an endpoint is used by a number of proxies that is binomial: see
// TestSubsetsAreEven for what that comes to.
func Subset(hashes []uint64, weights []float64, proxy uint64, size int) []int {
	type lot struct {
		hash uint64
		at   int
	}
	var lots []lot
	for i, w := range weights {
		if w > 0 {
			lots = append(lots, lot{Scramble(hashes[i] ^ Scramble(proxy)), i})
		}
	}
	if len(lots) > size {
		slices.SortFunc(lots, func(a, b lot) int { return cmp.Or(cmp.Compare(b.hash, a.hash), cmp.Compare(a.at, b.at)) })
		lots = lots[:size]
	}
	out := make([]int, len(lots))
	for k, l := range lots {
		out[k] = l.at
	}
	slices.Sort(out)
	return out
}
