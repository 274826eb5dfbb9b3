package features_test

import (
	"math"
	"testing"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// worked pushes windows in turn, of one endpoint, and returns the capacity after each.
func worked(t *testing.T, list ...seen) []float64 {
	t.Helper()
	x := features.New(features.DefaultConfig())
	var all []float64
	for k, e := range list {
		all = append(all, value(t, push(t, x, window(everything, k, e)), 0, "capacity_rps"))
	}
	return all
}

// working is an endpoint at a rate and a utilization, without a queue that grows.
func working(rate, utilization float64) seen {
	return healthy(rate).but(mesh.Utilization, utilization).but(mesh.InFlight, 1)
}

func repeat(n int, e seen) (list []seen) {
	for range n {
		list = append(list, e)
	}
	return list
}

// TestFullWindows: a full endpoint can do no more than a window says. What says
// less than is known is believed at once; what says more hardly, for a part of
// it may wait or be given up.
func TestFullWindows(t *testing.T) {
	known := repeat(40, working(50, 0.5))
	less := worked(t, append(known, repeat(6, working(60, 1))...)...)
	if got := less[45]; got > 70 || got < 55 {
		t.Errorf("6 full windows of 60 requests/s leave a capacity of %v of 100", got)
	}
	more := worked(t, append(known, repeat(3, working(180, 1))...)...)
	if got := more[42]; got > 125 {
		t.Errorf("3 full windows that were sent 180 requests/s make a capacity of 100 %v", got)
	}
	// As many requests of an endpoint that is not full are what it can do.
	if got := worked(t, append(known, repeat(3, working(180, 0.96))...)...)[42]; got < more[42]+15 {
		t.Errorf("3 windows that are not full make it %v, full ones %v", got, more[42])
	}
}

// TestFullAtFirst: where nothing is known, full windows are corrected soon.
func TestFullAtFirst(t *testing.T) {
	full := worked(t, append(repeat(2, working(300, 1)), repeat(12, working(60, 0.6))...)...)
	calm := worked(t, append(repeat(2, working(300, 0.96)), repeat(12, working(60, 0.6))...)...)
	if full[4] > 200 {
		t.Errorf("3 windows after 2 full ones of 300 requests/s the capacity is %v; want it on the way to 100", full[4])
	}
	if full[13] > calm[13] || full[13] > 150 {
		t.Errorf("12 windows after them it is %v where they were full, %v where not; want it near 100", full[13], calm[13])
	}
}

// TestBrokenWindows: failures that cost an endpoint nothing do not make it look
// able to do more, and those of an overload make it able to do less.
func TestBrokenWindows(t *testing.T) {
	known := repeat(40, working(50, 0.5))
	for _, e := range []seen{
		working(50, 0.05).but(mesh.ErrorRatio, 0.5), // quick failures: naively 500
		working(50, 0.9).but(mesh.ErrorRatio, 0.5),  // dear ones: naively 28
	} {
		if got := worked(t, append(known, repeat(20, e)...)...)[59]; math.Abs(got-100) > 2 {
			t.Errorf("20 windows of failures at utilization %v leave a capacity of %v of 100", e[mesh.Utilization], got)
		}
	}
	overloaded := working(120, 1).but(mesh.ErrorRatio, 0.5)
	if got := worked(t, append(known, repeat(8, overloaded)...)...)[47]; got > 70 {
		t.Errorf("8 windows of 60 answers/s at full load leave a capacity of %v of 100", got)
	}
	few := working(50, 0.5).but(mesh.ErrorRatio, 0.1) // few enough: 45 answers/s in half of the time
	if got := worked(t, append(known, repeat(60, few)...)...)[99]; math.Abs(got-90) > 5 {
		t.Errorf("a tenth failing makes the capacity %v of 100; want 90", got)
	}
	// Where nothing else is known it is better than nothing.
	if got := worked(t, repeat(2, working(50, 0.5).but(mesh.ErrorRatio, 0.5))...)[1]; math.Abs(got-50) > 5 {
		t.Errorf("an endpoint that always failed half is thought able to do %v; want 50", got)
	}
}
