package features

import (
	"math"
	"math/rand/v2"
	"testing"
)

// settling is a service of endpoints of 100 requests/s, at 50 requests/s each,
// whose latencies are off their queues by known factors and by noise.
type settling struct {
	service
	random *rand.Rand
	c      clock
	off    []float64 // logarithms
}

const settlingNoise = 0.3

func newSettling(off ...float64) *settling {
	s := &settling{random: rand.New(rand.NewPCG(3, 4)), off: off, c: clock{fresh: 5, span: 10, new: 0.5}}
	s.scatter, s.served = guess(excessFirst, excessMemory), math.NaN()
	for range off {
		m := &memory{state: blank()}
		m.Capacity.Last, m.Rate.Last = math.Log(100), math.Log1p(50)
		s.order = append(s.order, m)
	}
	s.readings = make([]reading, len(off))
	return s
}

// run lets windows pass; change may make a reading another.
func (s *settling) run(windows int, change func(i int, r *reading)) {
	for range windows {
		s.c.now += 5
		for i, m := range s.order {
			q := s.queue(m, s.c.span)
			s.readings[i] = reading{rate: 50, utilization: 0.5, mean: q.Mean(50) * math.Exp(s.off[i]+settlingNoise*s.random.NormFloat64()),
				errors: 0, p50: math.NaN(), p90: math.NaN(), p99: math.NaN()}
			if change != nil {
				change(i, &s.readings[i])
			}
		}
		s.settle(nil, &s.c)
	}
}

// deviation is of the endpoints' values, about their mean.
func (s *settling) deviation(of func(m *memory) float64) float64 {
	var sum, squares float64
	for _, m := range s.order {
		sum, squares = sum+of(m), squares+of(m)*of(m)
	}
	n := float64(len(s.order))
	return math.Sqrt(max(squares/n-sum/n*sum/n, 0))
}

// TestSettleDrawsLikeEndpointsTogether: what chance makes of eight that are
// alike is not taken for a difference, and all are off by what they share.
func TestSettleDrawsLikeEndpointsTogether(t *testing.T) {
	s := newSettling(make([]float64, 8)...)
	for i := range s.off {
		s.off[i] = 0.5
	}
	own, taken := 0.0, 0.0
	s.run(20, nil)
	for range 40 {
		s.run(1, nil)
		own += s.deviation(func(m *memory) float64 { return m.Excess.Long.value() })
		taken += s.deviation(func(m *memory) float64 { return m.excess })
	}
	t.Logf("the means of each deviate by %.4f, what is taken by %.4f", own/40, taken/40)
	if own/40 < 0.01 || taken > own/2 {
		t.Errorf("what is taken deviates by %v, the means of each by %v; want less than half", taken/40, own/40)
	}
	for _, m := range s.order {
		within(t, "what they share", m.excess, 0.5, 0.12)
	}
}

// TestSettleKeepsUnlikeEndpointsApart: two that take four times as long do so,
// beside six that do not, and one of them no longer when it is over.
func TestSettleKeepsUnlikeEndpointsApart(t *testing.T) {
	s := newSettling(0, 0, 0, math.Log(4), 0, math.Log(4), 0, 0)
	s.run(60, nil)
	for i, m := range s.order {
		within(t, "an endpoint's excess", m.excess, s.off[i], 0.2)
	}
	s.off[3] = 0
	s.run(15, nil)
	within(t, "the excess of one that is over it", s.order[3].excess, 0, 0.3)
	within(t, "the excess of the other", s.order[5].excess, math.Log(4), 0.25)
}

// TestSettleWithoutReadings: an endpoint of which nothing is known is as its
// peers are, and failures that are none of the load say nothing.
func TestSettleWithoutReadings(t *testing.T) {
	s := newSettling(0.7, 0.7, 0.7, 0.7)
	s.run(60, func(i int, r *reading) {
		switch i {
		case 2:
			r.rate = 0
		case 3:
			r.errors, r.mean = 0.5, 1e-5
		}
	})
	for i, m := range s.order {
		within(t, "the excess", m.excess, 0.7, 0.15)
		if i >= 2 && m.Excess.Long.Weight != 0 {
			t.Errorf("endpoint %d was learned from: %+v", i, m.Excess)
		}
	}
	none := newSettling(0, 0)
	none.run(3, func(_ int, r *reading) { r.rate = math.NaN() })
	within(t, "the excess where nothing is known of any", none.order[1].excess, 0, 0)
}
