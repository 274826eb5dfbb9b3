package features

import "math"

// demandWindows is the time constant of what is known of the demand.
const demandWindows = 20

// demand is how the load of a service varies from window to window.
type demand struct{ Rate, Square mean }

// demandSpread is by how many standard deviations a service is ready for more
// than its usual load: one window in forty brings more.
const demandSpread = 2

// demanded is how many requests/s a reading says were sent: those that ended, and
// those by which more are in flight than before. Where those before are unknown and
// the endpoint is full, they have come within the window. An overloaded service
// would otherwise seem to be asked for what it can do.
func (m *memory) demanded(r *reading, c *clock) float64 {
	rate, before := first(r.rate, 0), math.Expm1(m.InFlight.Last)
	switch {
	case isNaN(r.inFlight):
	case isNaN(before) && r.utilization >= full:
		rate += r.inFlight / c.span
	case !isNaN(before) && c.dt > 0 && c.dt <= c.span:
		rate += (r.inFlight - before) / c.dt
	}
	return max(rate, 0)
}

// ready takes in the rate of a window, and what was sent in it, and returns the rate
// to be ready for.
func (d *demand) ready(rate, sent float64) float64 {
	if !(rate >= 0) {
		rate = first(d.Rate.value(), 0)
	}
	d.Rate.add(keeps(demandWindows), rate, 1)
	d.Square.add(keeps(demandWindows), rate*rate, 1)
	usual := d.Rate.value()
	return max(rate, sent, usual+demandSpread*math.Sqrt(max(d.Square.value()-usual*usual, 0)))
}
