package rules

import "github.com/fairway-mesh/fairway/mesh"

// finder finds the first match that holds.
type finder struct {
	matches []Match
	index   index // nil for few
}

func newFinder(matches []Match) finder { return finder{matches, newIndex(matches)} }

// find returns the position of the first match that holds and may be taken, or
// -1. A nil taken takes all.
func (f *finder) find(r *mesh.Request, taken []bool) int {
	if f.index != nil {
		return f.index.find(r, taken)
	}
	for i := range f.matches {
		if (taken == nil || taken[i]) && f.matches[i].Matches(r) {
			return i
		}
	}
	return -1
}
