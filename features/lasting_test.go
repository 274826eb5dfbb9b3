package features

import (
	"math"
	"math/rand/v2"
	"testing"
)

// lastingOf shows a lasting so many windows of ten endpoints, 5 s apart and span
// seconds long, and returns the part that it takes over of a deviation of so many
// standard deviations.
func lastingOf(windows int, span, apart float64, value func(window, endpoint int) float64) float64 {
	var l lasting
	ends := make([]deviation, 10)
	for k := range windows {
		l.pass()
		for i := range ends {
			l.see(&ends[i], value(k, i), 0, 1, float64(5*k), span)
		}
	}
	taken, _ := l.expect(&deviation{Value: apart, Scale: 1}, 0, 0.01)
	return taken / apart
}

func TestNoiseDoesNotLast(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	if part := lastingOf(300, 5, 2, func(int, int) float64 { return r.NormFloat64() }); part > 0.1 {
		t.Errorf("%v of a usual deviation is taken over where all is noise", part)
	}
	spike := func(int, int) float64 {
		if r.Float64() < 0.05 {
			return 6
		}
		return r.NormFloat64()
	}
	if part := lastingOf(300, 5, 6, spike); part > 0.15 {
		t.Errorf("%v of a large deviation is taken over where none has lasted", part)
	}
}

func TestChangesLast(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	level := make([]float64, 10)
	flips := func(k, i int) float64 {
		if r.Float64() < 0.05 {
			level[i] = 8 * float64(r.IntN(3)-1)
		}
		return level[i] + r.NormFloat64()
	}
	for _, apart := range []float64{-8, 8} {
		if part := lastingOf(300, 5, apart, flips); part < 0.75 || part > 1.1 {
			t.Errorf("%v of a deviation of %v is taken over where they last for 20 windows", part, apart)
		}
	}
	if part := lastingOf(0, 5, 8, nil); part != lastingChange {
		t.Errorf("%v of a large deviation is taken over before anything is known; want %v", part, lastingChange)
	}
}

// TestOverlapIsNoEvidence: what two windows share does not last because of that.
func TestOverlapIsNoEvidence(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	steps := make([][3]float64, 10) // the last three steps, of which a window is the mean
	overlapping := func(k, i int) float64 {
		steps[i] = [3]float64{r.NormFloat64(), steps[i][0], steps[i][1]}
		return (steps[i][0] + steps[i][1] + steps[i][2]) / math.Sqrt(3)
	}
	if part := lastingOf(600, 15, 2, overlapping); part > 0.1 {
		t.Errorf("%v of a usual deviation is taken over", part)
	}
	if part := lastingOf(600, 5, 2, overlapping); part < 0.3 {
		t.Errorf("only %v is taken over where windows are taken for disjoint: the test sees nothing", part)
	}
}

func TestLastingRefusesNoNumbers(t *testing.T) {
	var l lasting
	var d deviation
	for _, bad := range [][3]float64{{math.NaN(), 0, 1}, {1, math.NaN(), 1}, {1, 0, 0}, {1, 0, math.NaN()}, {math.Inf(1), 0, 1}} {
		l.see(&d, bad[0], bad[1], bad[2], 5, 5)
	}
	if x, v := l.expect(&d, 3, 0.5); x != 3 || v != 0.5 || d != (deviation{}) {
		t.Errorf("%v with variance %v is expected after values that are none", x, v)
	}
}
