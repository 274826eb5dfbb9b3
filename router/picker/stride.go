package picker

import "math"

// stride is the static-stride schedule of gRPC (weightedroundrobin/scheduler.go):
// it walks the endpoints in turn and skips each in proportion to how far its
// weight is below the largest. It needs no memory between picks but a number.
type stride struct {
	weights  []uint16
	sequence uint64 // starts at random
	equal    bool
}

// set takes the weights, of which 0 means unknown. Unknown weights become the
// mean of the known; with fewer than two known, or all alike, it is round robin.
func (s *stride) set(weights []float64) {
	s.weights = s.weights[:0]
	sum, top, known := 0.0, 0.0, 0
	for _, w := range weights {
		if w > 0 {
			sum, top, known = sum+w, max(top, w), known+1
		}
	}
	s.equal = true
	if known < 2 {
		for range weights {
			s.weights = append(s.weights, math.MaxUint16)
		}
		return
	}
	scale := math.MaxUint16 / top
	mean := uint16(math.Round(scale * sum / float64(known)))
	for _, w := range weights {
		x := mean
		if w > 0 {
			x = uint16(math.Round(scale * w))
		}
		s.equal = s.equal && x == mean
		s.weights = append(s.weights, x)
	}
}

// next is a position in the weights, −1 when there are none.
func (s *stride) next() int {
	n := uint64(len(s.weights))
	if n == 0 {
		return -1
	}
	for {
		i, generation := s.sequence%n, s.sequence/n
		s.sequence++
		weight := uint64(s.weights[i])
		// The largest weight is MaxUint16, so a walk over all finds one.
		if s.equal || (weight*generation+i*(math.MaxUint16/2))%math.MaxUint16 >= math.MaxUint16-weight {
			return int(i)
		}
	}
}
