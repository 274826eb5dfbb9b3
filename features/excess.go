package features

import "math"

// excess is what is known, window by window, of how far an endpoint is off its
// curve: logarithms of ratios, of which a window says one with much noise. The
// optimum of noisy costs goes where the noise is favourable (Smith and Winkler,
// "The Optimizer's Curse", Management Science 52, 2006), and weights that follow
// noise are worse than none. So the mean since the last change is drawn to that
// of the peers, the more the less they differ beyond chance.
//
// It is not a tally, although both forget alike: a tally is a ratio of sums that
// rests on requests, this a mean of logarithms that rests on windows.
type excess struct {
	Short, Long mean // of the last windows, and since the last change
	Deviation   deviation
}

const (
	excessShort, excessLong = 2, 30 // time constants in windows
	excessChanged           = 3.5   // standard deviations between the two from which on the past is over
	excessLeast             = 0.3   // and how far apart they are at least
	excessFirst             = 0.1   // variance of a window's where nothing is known of it
	excessMemory            = 50    // windows that the variance is a mean of
	excessLeastVar          = 1e-6
	excessSeasoned          = 2 // windows from which on the past is one to judge by
	excessEnough            = 5 // requests of which a window gets half of the weight that it can get
)

// see takes in a window's value; weight is the part of its span that is new.
// It returns how far it was off the mean, squared, NaN at first.
func (e *excess) see(x, weight, noise float64) (surprise float64) {
	surprise = math.NaN()
	if isNaN(x) || math.IsInf(x, 0) {
		return surprise
	}
	if e.Long.Weight > excessSeasoned {
		d := x - e.Long.value()
		surprise = d * d
	}
	e.Short.add(math.Exp(-weight/excessShort), x, weight)
	e.Long.add(math.Exp(-weight/excessLong), x, weight)
	apart := math.Abs(e.Short.value() - e.Long.value())
	if apart > max(excessLeast, excessChanged*math.Sqrt(noise/max(e.Short.Weight, 1))) {
		e.Long = e.Short
	}
	return surprise
}

// settle estimates how far all endpoints of a service are off their curves, the
// logarithm of a ratio: empirical Bayes, as for the capacities. Endpoints of
// which nothing is known get the mean.
func (s *service) settle(surprise []float64, c *clock) []float64 {
	noise := s.scatter.value()
	for i, m := range s.order {
		r := &s.readings[i]
		n := r.rate * c.fresh
		if !(n > 0) || r.broken() {
			continue
		}
		q := s.queue(m, c.span)
		x := math.Log(r.typical() / q.Mean(r.rate))
		if past := &m.Excess.Long; past.Weight > excessSeasoned {
			s.excesses.see(&m.Excess.Deviation, x, past.value(), math.Sqrt(noise), c.now, c.span)
		}
		if e := m.Excess.see(x, c.new*n/(n+excessEnough), noise); !isNaN(e) {
			surprise = append(surprise, e)
		}
	}
	if e := typical(surprise); !isNaN(e) {
		s.scatter.add(keeps(excessMemory), min(max(e, excessLeastVar), noiseClip*noise), 1-keeps(excessMemory))
		noise = s.scatter.value()
	}
	seen := func(m *memory) (float64, float64) {
		return s.excesses.expect(&m.Excess.Deviation, m.Excess.Long.value(), noise/m.Excess.Long.Weight)
	}
	middle, between := spread(s.order, seen)
	for _, m := range s.order {
		m.excess = first(middle, 0)
		if x, variance := seen(m); !isNaN(x) {
			m.excess = towards(x, variance, middle, between)
		}
	}
	return surprise
}
