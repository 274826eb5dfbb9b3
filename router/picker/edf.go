package picker

import "math/rand/v2"

// edf is an earliest-deadline-first schedule, as Envoy's (edf_scheduler.h): an
// endpoint that is picked is due again after 1/weight, so that each is picked
// in proportion to its weight and as evenly spaced as that allows. Adding and
// picking are O(log n).
type edf struct {
	heap []due
	time float64
}

type due struct {
	at       float64
	endpoint int
}

// reset begins anew with the open endpoints, each at a random phase of its
// period. Envoy begins with a random number of picks instead, to the same end:
// that proxies do not run in step.
func (s *edf) reset(o *open, weight func(i int) float64, r *rand.Rand) {
	s.heap, s.time = s.heap[:0], 0
	for _, i := range o.list {
		s.heap = append(s.heap, due{at: r.Float64() / weight(i), endpoint: i})
		s.up(len(s.heap) - 1)
	}
}

// first is the endpoint that is due, −1 when there is none.
func (s *edf) first() int {
	if len(s.heap) == 0 {
		return -1
	}
	return s.heap[0].endpoint
}

// again takes the endpoint that is due and puts it back with this weight.
func (s *edf) again(weight float64) {
	s.time = s.heap[0].at
	s.heap[0].at = s.time + 1/weight
	s.down()
}

func (s *edf) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if s.heap[parent].at <= s.heap[i].at {
			return
		}
		s.heap[parent], s.heap[i] = s.heap[i], s.heap[parent]
		i = parent
	}
}

func (s *edf) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(s.heap) {
			return
		}
		if child+1 < len(s.heap) && s.heap[child+1].at < s.heap[child].at {
			child++
		}
		if s.heap[i].at <= s.heap[child].at {
			return
		}
		s.heap[i], s.heap[child] = s.heap[child], s.heap[i]
		i = child
	}
}
