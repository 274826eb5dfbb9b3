package features

import "math"

const (
	// leastBusy is the summed utilization from which on it says something about
	// the capacity: below, it is mostly the noise of a gauge read once a scrape.
	leastBusy = 0.05
	// busyWindows is the time constant of the capacity: a slow-down has to
	// show within a few windows, the noise of a gauge has to average out.
	busyWindows = 4
	// busyPrior is how much utilization the past capacity counts for: nearly
	// all while the endpoint is idle, little while it works.
	busyPrior = 0.2
	// headroom is how far above its highest load an endpoint is trusted.
	headroom = 1.25
	// peakPasts is how many times more slowly than the past a peak fades.
	peakPasts = 10
	// overload is how far above its capacity an endpoint can be loaded.
	overload = 3
)

// advanceCapacity estimates the load at which the endpoint saturates. Best is
// a known utilization: the requests answered well over it, as a ratio of sums
// (a mean of ratios would be at the mercy of the idle windows; failures often
// cost an endpoint nothing). Otherwise, by Little's law, the most requests that
// were ever in flight over the time that each takes; a slow-down lowers it.
// Otherwise the highest load ever. Both peaks fade slowly.
func (m *memory) advanceCapacity(r *reading, c *clock) {
	m.PeakRate = max(c.peak*m.PeakRate, first(r.rate, 0))
	m.PeakInFlight = max(c.peak*m.PeakInFlight, first(r.inFlight, 0))
	if r.utilization >= 0 && r.rate >= 0 {
		good := r.rate * (1 - first(r.errors, 0))
		m.Busy.ratio(keeps(busyWindows), good, r.utilization)
		m.BusyPast.ratio(c.past, good, r.utilization)
	}
	capacity := max(m.estimate(), first(r.rate, 0)/overload)
	if capacity > 0 && capacity <= huge {
		m.Capacity.see(c.past, math.Log(capacity))
	}
}

func (m *memory) estimate() float64 {
	if m.BusyPast.Weight > leastBusy {
		return m.Busy.towards(m.BusyPast.value(), busyPrior)
	}
	if latency := m.reference(); m.PeakInFlight > 0 && latency > 0 {
		return headroom * m.PeakInFlight / latency
	}
	return headroom * m.PeakRate
}
