package origin

import (
	"math"
	"slices"
	"time"
)

// A measurement is of some short turns, since one in which the system runs
// something else says nothing: the shortest counts.
const (
	turns = 5
	turn  = 500 * time.Microsecond // about
)

// PerCall is how many ns a call takes. The first call, which brings everything
// back into the caches, is not counted.
func PerCall(call func()) float64 {
	call()
	start := time.Now()
	call()
	calls := max(1, int(turn/max(time.Since(start), 1)))
	least := math.Inf(1)
	for range turns {
		start = time.Now()
		for range calls {
			call()
		}
		least = min(least, float64(time.Since(start).Nanoseconds())/float64(calls))
	}
	return least
}

// Middle is the median of some figures, at least one.
func Middle(figures []float64) float64 {
	return slices.Sorted(slices.Values(figures))[len(figures)/2]
}
