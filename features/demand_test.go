package features

import (
	"math"
	"math/rand/v2"
	"testing"
)

func within(t testing.TB, what string, got, want, slack float64) {
	t.Helper()
	if !(math.Abs(got-want) <= slack) {
		t.Errorf("%s is %v; want %v ± %v", what, got, want, slack)
	}
}

// TestDemand knows what a load of known mean and deviation asks to be ready for.
func TestDemand(t *testing.T) {
	after := func(windows int, load func(k int) float64) (ready float64) {
		var d demand
		for k := range windows {
			ready = d.ready(load(k), 0)
		}
		return ready
	}
	within(t, "the first window", after(1, func(int) float64 { return 70 }), 70, 0)
	within(t, "a constant load", after(300, func(int) float64 { return 100 }), 100, 1e-4)
	within(t, "no load at all", after(10, func(int) float64 { return 0 }), 0, 0)
	// 100 ± 20: two deviations above the mean, which lies where the last window draws it.
	swings := func(k int) float64 { return 100 + 20*float64(1-2*(k%2)) }
	within(t, "after a low window of 80 and 120", after(300, swings), 140, 1)
	within(t, "after a high one", after(301, swings), 140, 1)
	within(t, "a jump", after(301, func(k int) float64 { return 100 + float64(k/300)*900 }), 1000, 0)
	// What was is forgotten: of 200 windows ago there is e^−10 left.
	within(t, "long after it fell", after(500, func(k int) float64 { return 100 - 90*float64(min(k/300, 1)) }), 10, 2)
}

// TestDemandWithoutARate: a window that does not tell counts as a usual one.
func TestDemandWithoutARate(t *testing.T) {
	for _, missing := range []float64{math.NaN(), -1, math.Inf(-1)} {
		var d demand
		within(t, "the first window without a rate", d.ready(missing, 0), 0, 0)
		d = demand{}
		for range 50 {
			d.ready(100, 0)
		}
		within(t, "without a rate", d.ready(missing, 0), 100, 1e-4)
		within(t, "with one again", d.ready(100, 0), 100, 1e-4)
	}
}

// TestDemandIsSeldomExceeded: of a load that varies by chance one window in
// forty brings more, a few more because the deviation is one of few windows.
func TestDemandIsSeldomExceeded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var d demand
	ready, more, sum := math.Inf(1), 0, 0.0
	const windows = 20_000
	for range windows {
		load := 100 + 10*r.NormFloat64()
		if load > ready {
			more++
		}
		ready = d.ready(load, 0)
		sum += ready
	}
	part := float64(more) / windows
	t.Logf("%.2f %% of the windows bring more; ready for %.1f on average", 100*part, sum/windows)
	if part < 0.015 || part > 0.05 {
		t.Errorf("%v of the windows bring more than one was ready for; want about 0.025", part)
	}
}

// TestDemandedCountsWhatWaits: requests that were sent and have not ended are asked
// for too.
func TestDemandedCountsWhatWaits(t *testing.T) {
	c := &clock{dt: 5, span: 10}
	m := &memory{state: blank()}
	first := m.demanded(&reading{rate: 50, inFlight: 200, utilization: 1}, c)
	within(t, "a full endpoint at first", first, 70, 1e-9)
	within(t, "one that is not full", m.demanded(&reading{rate: 50, inFlight: 200, utilization: 0.9}, c), 50, 1e-9)
	m.InFlight.see(0.9, math.Log1p(200))
	within(t, "a queue that grows", m.demanded(&reading{rate: 50, inFlight: 300, utilization: 1}, c), 70, 1e-9)
	within(t, "a queue that dwindles", m.demanded(&reading{rate: 50, inFlight: 100, utilization: 1}, c), 30, 1e-9)
	within(t, "a queue that was given up", m.demanded(&reading{rate: 5, inFlight: 0, utilization: 1}, c), 0, 1e-9)
	within(t, "nothing known", m.demanded(&reading{rate: math.NaN(), inFlight: math.NaN()}, c), 0, 1e-9)
	c.dt = 60
	within(t, "after a gap", m.demanded(&reading{rate: 50, inFlight: 300, utilization: 1}, c), 50, 1e-9)
}
