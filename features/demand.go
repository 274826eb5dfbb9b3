package features

import "math"

// demandWindows is the time constant of what is known of the demand.
const demandWindows = 20

// demand is how the load of a service varies from window to window.
type demand struct{ Rate, Square mean }

// demandSpread is by how many standard deviations a service is ready for more
// than its usual load: one window in forty brings more.
const demandSpread = 2

// ready takes in the rate of a window, and returns the one to be ready for.
func (d *demand) ready(rate float64) float64 {
	if !(rate >= 0) {
		rate = first(d.Rate.value(), 0)
	}
	d.Rate.add(keeps(demandWindows), rate, 1)
	d.Square.add(keeps(demandWindows), rate*rate, 1)
	usual := d.Rate.value()
	return max(rate, usual+demandSpread*math.Sqrt(max(d.Square.value()-usual*usual, 0)))
}
