package features

import (
	"math"
	"slices"
)

// peers compares one number across the endpoints of a service.
type peers struct{ sorted []float64 }

// gather takes the number of each living endpoint; NaN takes no part.
func (p *peers) gather(of []*memory, value func(m *memory) float64) {
	p.sorted = p.sorted[:0]
	for _, m := range of {
		if v := value(m); m.alive && !isNaN(v) {
			p.sorted = append(p.sorted, v)
		}
	}
	slices.Sort(p.sorted)
}

// versus is v minus the median of the others; own says whether v is one of
// those gathered. It is 0 when there are no others, NaN when v is.
func (p *peers) versus(v float64, own bool) float64 {
	if isNaN(v) {
		return math.NaN()
	}
	others, skip := len(p.sorted), len(p.sorted)
	if own {
		others--
		skip, _ = slices.BinarySearch(p.sorted, v)
	}
	if others < 1 {
		return 0
	}
	at := func(i int) float64 { // the i-th of the others
		if i >= skip {
			i++
		}
		return p.sorted[i]
	}
	return v - (at((others-1)/2)+at(others/2))/2
}
