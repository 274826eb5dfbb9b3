package features

import (
	"math"

	"github.com/fairway-mesh/fairway/anomaly"
)

// kinds of series whose surprises are told apart.
const (
	kindRate = iota
	kindErrors
	kindLatency
	kindInFlight
	kindUse // utilization and processor
	kindMemory
	kinds
)

// what climbs.
const (
	climbMean = iota
	climbErrors
	climbMemory
	climbing
)

const (
	// surely is the number of standard errors from which on a trend is believed,
	// and briefly the number of windows up to which it is no climb yet.
	surely, briefly = 2, 2
	// burnWindows is the time constant of the long burn rates, in windows; that
	// of the short ones is Config.Recent. An alert on both is Google's (The Site
	// Reliability Workbook, 2018, chapter 5).
	burnWindows = 12
	// tailWindows is that of the watched latency of the last windows.
	tailWindows = 3
	// lateWindows is that with which the highest surprise of late fades.
	lateWindows = 6
	// youngWindows is that with which a start is forgotten.
	youngWindows = 12
	// gapWindows is that of how far the tail is above the mean.
	gapWindows = 20
	// calmWindows is that of what a climb is measured from.
	calmWindows = 20
	// near is the part of the latency limit from which on a window burns.
	near = 0.8
)

// ramp is what is remembered of how an endpoint comes to fail: numbers alone,
// as state.
type ramp struct {
	Surprise, Late          [kinds]float64    // −log10 p: now, and the highest of late
	ErrorsLong              mean              // error ratio, weighted by requests
	NearShort, NearLong     mean              // part of the windows near the latency limit or beyond
	Tail                    mean              // ln(s), the watched latency of the last windows
	Gap                     mean              // of its logarithm over the mean's
	Corrected, CorrectedAll float64           // ln: what load explains of the mean now, NaN unknown; and carried forward
	Climbing                [climbing]float64 // windows in a row in which a trend was surely upward
	Calm                    [climbing]mean    // what climbs, while it did not
	Born                    float64           // windows since it appeared or started again; NaN: it was always there
}

// climbs are trends of what load does not explain: a step of the load moves
// latencies too, and is no ramp.
type climbs struct{ mean, tail, against, faults anomaly.Trend }

func (t *climbs) all() [4]*anomaly.Trend {
	return [...]*anomaly.Trend{&t.mean, &t.tail, &t.against, &t.faults}
}

var unramped = ramp{Corrected: math.NaN(), Born: math.NaN()}

// climb takes in a window, after capacities are known and the endpoints of the
// service have been looked over.
func (m *memory) climb(r *reading, v *view, c *clock) {
	m.surprises(&v.service.place)
	if !isNaN(m.Born) {
		m.Born++
	}
	n := first(r.requests, 4*errorPrior) // unknown: trust it mostly
	watched, typical := math.Log(r.watched(c.quantile)), math.Log(r.typical())
	m.burn(r.errors, n, watched, v, c)
	if !isNaN(watched) {
		m.Tail.add(keeps(tailWindows), watched, 1)
		m.Gap.add(keeps(gapWindows), watched-typical, 1)
	}
	m.Corrected = v.service.explained(m, v.span)
	m.CorrectedAll = first(m.Corrected, m.CorrectedAll)
	if c.halfLife == 0 {
		return
	}
	for _, t := range m.climbs.all() {
		if t.HalfLife() != 2*c.halfLife {
			*t = *anomaly.NewTrend(2 * c.halfLife)
		}
	}
	m.climbs.mean.Push(c.dt, typical-m.CorrectedAll)
	m.climbs.tail.Push(c.dt, watched-m.CorrectedAll)
	m.against.Push(c.dt, v.latencies.versus(typical, m.alive))
	faults := math.NaN()
	if !isNaN(r.errors) { // of few requests, too (Anscombe)
		faults = angle((r.errors*n + 0.375) / (n + 0.75))
	}
	m.faults.Push(c.dt, faults)
	m.climbed(v)
}

// burn takes in whether a window is beyond the limits, or near to them.
func (m *memory) burn(errors, requests, watched float64, v *view, c *clock) {
	if !isNaN(errors) {
		m.ErrorsLong.add(keeps(burnWindows), errors, requests)
	}
	if !isNaN(watched) && !isNaN(v.latencyLimit) {
		burns := 0.0
		if watched > v.latencyLimit+math.Log(near) {
			burns = 1
		}
		m.NearShort.add(c.recent, burns, 1-c.recent)
		m.NearLong.add(keeps(burnWindows), burns, 1-keeps(burnWindows))
	}
}

// climbed counts for how long each trend has climbed, and keeps what it was
// before.
func (m *memory) climbed(v *view) {
	for k, t := range [climbing]*anomaly.Trend{&m.climbs.mean, &m.faults, &m.footprint} {
		if v.sure(t) > surely {
			m.Climbing[k]++
		} else { // one window of doubt does not end a climb
			m.Climbing[k] = max(m.Climbing[k]/2-1, 0)
		}
		if level := t.Level(); m.Climbing[k] <= briefly && !isNaN(level) {
			m.Calm[k].add(keeps(calmWindows), level, 1)
		}
	}
}

// explained is the logarithm of the factor by which waiting lifts the mean at
// the present load and the capacity that the endpoint used to have: the present
// one falls as an endpoint slows down, and would explain everything.
func (s *service) explained(m *memory, span float64) float64 {
	capacity, rate := math.Exp(m.Capacity.Past.value()), math.Expm1(m.Rate.Last)
	if isNaN(capacity) || isNaN(rate) || capacity <= 0 {
		return math.NaN()
	}
	served := max(math.Exp(first(m.Concurrency.value(), s.served, 0)), 1)
	q := Queue{Capacity: capacity, Concurrency: served, Horizon: span, Stretch: 1}
	return math.Log(q.Mean(rate) * capacity / served)
}

// surprises notes the strangest series of each kind.
func (m *memory) surprises(p *place) {
	m.Surprise = [kinds]float64{}
	note := func(kind int, columns ...int) {
		for _, c := range columns {
			if c >= 0 {
				m.Surprise[kind] = max(m.Surprise[kind], m.surprise[c])
			}
		}
	}
	note(kindRate, p.rate)
	note(kindErrors, p.errors)
	note(kindLatency, p.mean, p.p50, p.p90, p.p99)
	note(kindInFlight, p.inFlight)
	note(kindUse, p.utilization, p.cpu)
	note(kindMemory, p.memory)
	for k, s := range m.Surprise {
		m.Late[k] = max(s, keeps(lateWindows)*m.Late[k])
	}
}
