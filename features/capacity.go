package features

import "math"

const (
	// leastBusy is the utilization below which it says nothing about the
	// capacity: mostly the noise of a gauge read once a scrape.
	leastBusy = 0.05
	// busyWindows is the time constant of the capacity: a slow-down has to
	// show within a few windows, the noise of a gauge has to average out.
	busyWindows = 4
	// headroom is how far above its highest load an endpoint is trusted.
	headroom = 1.25
	// peakPasts is how many times more slowly than the past a peak fades.
	peakPasts = 10
	// overload is how far above its capacity an endpoint can be loaded.
	overload = 3
)

// advanceCapacity estimates the load at which the endpoint saturates. Best is
// a known utilization: the load over it, sums over sums. Otherwise, by Little's
// law, the most requests that were ever in flight over the time that each
// takes; a slow-down lowers it. Otherwise the highest load ever. Both peaks
// fade slowly.
func (m *memory) advanceCapacity(r *reading, c *clock) {
	m.PeakRate = max(c.peak*m.PeakRate, first(r.rate, 0))
	m.PeakInFlight = max(c.peak*m.PeakInFlight, first(r.inFlight, 0))
	if r.utilization > leastBusy && r.rate > 0 {
		m.Busy.add(keeps(busyWindows), r.rate/r.utilization, r.utilization)
	}
	capacity := m.Busy.value()
	if isNaN(capacity) {
		capacity = headroom * m.PeakRate
		if latency := m.reference(); m.PeakInFlight > 0 && latency > 0 {
			capacity = headroom * m.PeakInFlight / latency
		}
	}
	capacity = max(capacity, first(r.rate, 0)/overload)
	if capacity > 0 && capacity <= huge {
		m.Capacity.see(c.past, math.Log(capacity))
	}
}
