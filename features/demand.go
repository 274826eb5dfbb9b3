package features

import "math"

// demandWindows is the time constant of what is known of the demand.
const demandWindows = 20

// demand is how the load of a service varies from window to window.
type demand struct{ Rate, Square mean }

// ready takes in the rate of a window, and returns the one to be ready for.
func (d *demand) ready(rate float64) float64 {
	if !(rate >= 0) {
		rate = first(d.Rate.value(), 0)
	}
	d.Rate.add(keeps(demandWindows), rate, 1)
	d.Square.add(keeps(demandWindows), rate*rate, 1)
	usual := d.Rate.value()
	return max(rate, usual+2*math.Sqrt(max(d.Square.value()-usual*usual, 0)))
}
