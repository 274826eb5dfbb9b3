package features

import "math"

// tally is what an endpoint did and how busy it was with it.
type tally struct {
	Good     float64 // requests answered well
	Busy     float64 // seconds, of all of its capacity
	Requests float64 // that this rests on
}

// add discounts the past by keep and adds a window's part.
func (t *tally) add(keep float64, w tally) {
	t.Good, t.Busy, t.Requests = keep*t.Good+w.Good, keep*t.Busy+w.Busy, keep*t.Requests+w.Requests
}

// log is the logarithm of the load at which the endpoint would be busy all the
// time, in requests/s; NaN while it was not seen at work.
func (t *tally) log() float64 {
	if !(t.Good > 0 && t.Busy > 0 && t.Requests > 0) {
		return math.NaN()
	}
	return math.Log(t.Good / t.Busy)
}

const (
	// A tally of late forgets within shortWindows, one of the past within
	// longWindows, but neither before it has seen as many requests: on metrics
	// that come faster than requests a window alone says nothing.
	shortWindows, shortRequests = 3, 40
	longWindows, longRequests   = 60, 4000
	// changed is how many standard deviations apart the two have to be for the
	// past to be over, and changedLeast how far at least: the capacity of a real
	// endpoint is never quite the same.
	changed, changedLeast = 4, 0.15
	// renewLeast and differsLeast are the requests without which late, or a window,
	// is not compared with the past.
	renewLeast, differsLeast = 10, 5
	// noiseFirst is the variance of the log capacity of one request where
	// nothing is known of it, that of exponential service; noiseClip bounds what
	// one window adds to it, in multiples; noiseWindows is its time constant.
	// noiseLeast keeps a quiet spell from making every window a change.
	noiseFirst, noiseClip, noiseWindows = 1, 25, 50
	noiseLeast                          = 0.1
	// failing is the error ratio above which a window says nothing of the capacity,
	// if the endpoint is not full: its failures are not for the load, they may have
	// cost work, and are held against it already.
	failing, full = 0.1, 0.97
	// fullPart is what a window counts for in which the endpoint was full and that
	// says more than is known, fullFirst one before anything is known.
	fullPart, fullFirst = 0.1, 0.3
	// sureRequests is the number of requests from which on a capacity counts half.
	sureRequests = 200
	// wander is the variance of the log capacity that no number of requests
	// takes away.
	wander = 1e-4
	// headroom is how far above its highest load an endpoint is trusted.
	headroom = 1.25
	// peakPasts is how many times more slowly than the past a peak fades.
	peakPasts = 10
	// overload is how far above its capacity an endpoint can be loaded.
	overload = 3
)

// broken reports whether the endpoint fails without being overloaded.
func (r *reading) broken() bool { return r.errors > failing && !(r.utilization >= full) }

// forgets is the discount of a window with n requests.
func forgets(n, windows, requests float64) float64 {
	return math.Exp(-min(1/windows, n/requests))
}

// advanceCapacity takes in what the window says of the load at which the
// endpoint saturates. Best is a known utilization: the requests answered well
// over it, as a ratio of sums (a mean of ratios would be at the mercy of the
// idle windows; failures often cost an endpoint nothing). It returns what
// differs does; NaN when the window does not count.
func (m *memory) advanceCapacity(r *reading, c *clock, lasts *lasting) (surprise float64) {
	m.PeakRate = max(c.peak*m.PeakRate, first(r.rate, 0))
	m.PeakInFlight = max(c.peak*m.PeakInFlight, first(r.inFlight, 0))
	if !(r.utilization >= 0 && r.rate >= 0) || r.broken() && m.seasoned() {
		return math.NaN()
	}
	whole := r.tally(c.fresh)
	w := m.discounted(whole, r.utilization)
	surprise = m.differs(w, c)
	if w == whole && m.seasoned() && w.Requests >= differsLeast {
		lasts.see(&m.Deviation, w.log(), m.Long.log(), math.Sqrt(c.noise/w.Requests), c.now, c.span)
	}
	m.Short.add(forgets(w.Requests, shortWindows, shortRequests), w)
	m.Long.add(forgets(w.Requests, longWindows, longRequests), w)
	m.renew(c.noise)
	return surprise
}

// tally is what the endpoint did in a span of seconds.
func (r *reading) tally(span float64) tally {
	good := r.rate * (1 - first(r.errors, 0))
	return tally{Good: good * span, Busy: r.utilization * span, Requests: r.rate * span}
}

// times is a tally that counts for a part of itself.
func (t tally) times(part float64) tally {
	return tally{t.Good * part, t.Busy * part, t.Requests * part}
}

// seasoned reports whether the past rests on enough to judge a window by it.
func (m *memory) seasoned() bool { return m.Long.Requests > shortRequests }

// discounted is what a window counts for. Of a full endpoint part of what it was
// sent may wait or be given up: the capacity is no more than the window says, so
// one that says more than is known counts for little.
func (m *memory) discounted(w tally, utilization float64) tally {
	switch {
	case !(utilization >= full && w.Requests >= enough):
		return w
	case !m.seasoned():
		return w.times(fullFirst)
	case w.log() > m.Long.log():
		return w.times(fullPart)
	}
	return w
}

// differs is by how much a window differs from the past, squared, in variances
// of one request; NaN where too little is known of either.
func (m *memory) differs(w tally, c *clock) float64 {
	if !(m.seasoned() && w.Requests >= differsLeast) {
		return math.NaN()
	}
	apart := w.log() - m.Long.log()
	return apart * apart * w.Requests * c.new
}

// renew begins the past anew where what was seen of late has left it.
func (m *memory) renew(noise float64) {
	apart := m.Short.log() - m.Long.log()
	spread := math.Sqrt(noise / m.Short.Requests)
	if math.Abs(apart) > max(changed*spread, changedLeast) && m.Short.Requests >= renewLeast {
		m.Long = m.Short
	}
}

// pool estimates the capacities of all endpoints of a service together. What
// the windows say of each is uncertain, the more so the fewer requests; so it is
// drawn to the mean of the service, and all the way where the endpoints do not
// differ by more than chance: weights made of noise are worse than equal ones.
// How much they differ is estimated by moments (DerSimonian and Laird,
// Controlled Clinical Trials 7, 1986), the rest is empirical Bayes (Efron and
// Morris, JASA 1973). An endpoint that was not seen at work yet gets the mean.
//
// Where nothing tells the utilization it is, by Little's law, the most requests
// ever in flight over the time that each takes, else the highest load ever, both
// times headroom; these are not drawn to anything.
func (s *service) pool(c *clock) {
	noise := s.noise.value()
	seen := func(m *memory) (float64, float64) {
		x, variance := s.capacities.expect(&m.Deviation, m.Long.log(), noise/m.Long.Requests)
		return x, variance + wander
	}
	middle, between := spread(s.order, seen)
	for _, m := range s.order {
		known := middle
		if x, variance := seen(m); !isNaN(x) {
			known = towards(x, variance, middle, between)
		}
		if isNaN(known) {
			known = m.peak()
		}
		if least := math.Log(math.Expm1(m.Rate.Last) / overload); !(known >= least) && least > -huge {
			known = least
		}
		if known <= math.Log(huge) && known >= -math.Log(huge) {
			// What was guessed from a few requests is not the past for long.
			sure := max(m.Long.Requests, 1) / (max(m.Long.Requests, 1) + sureRequests)
			m.Capacity.Last = known
			m.Capacity.Past.add(c.past, known, (1-c.past)*sure)
		}
	}
}

// peak is the log capacity where no utilization is known.
func (m *memory) peak() float64 {
	if latency := m.reference(); m.PeakInFlight > 0 && latency > 0 {
		return math.Log(headroom * m.PeakInFlight / latency)
	}
	return math.Log(headroom * m.PeakRate)
}

// noiseChance is the variance of the log capacity of one request up to which it
// is taken for chance: service varies so where nothing changes.
const noiseChance = 2

// restless is the unrest of a frame: of the noise what is not chance, for the
// mean number of requests of an endpoint and window.
func (s *service) restless() float64 {
	var requests mean
	for i := range s.readings {
		if n := s.readings[i].requests; n > 0 {
			requests.add(1, n, 1)
		}
	}
	if requests.Weight == 0 {
		return 0
	}
	return math.Sqrt(max(s.noise.value()-noiseChance, 0) / requests.value())
}
