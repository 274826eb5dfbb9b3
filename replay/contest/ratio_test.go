package contest

import (
	"math"
	"testing"
)

// TestRatioOf: ten seeds that differ by far more than the entries do, of which
// one is 2 % slower in every seed.
func TestRatioOf(t *testing.T) {
	var a, b []float64
	for i := range 10 {
		pace := math.Exp(math.Sin(float64(7 * i)))
		a = append(a, pace*(1.02+0.002*math.Cos(float64(i))))
		b = append(b, pace)
	}
	r := RatioOf(a, b, 1.03, 0.95)
	if math.Abs(r.Value-1.02) > 0.002 || !(r.Low < r.Value && r.Value < r.High) || r.Differs > 1e-6 || r.Within > 1e-4 || r.Beyond < 0.999 {
		t.Errorf("of 2 %% more it makes %+v", r)
	}
	if r := RatioOf(a, b, 1.01, 0.95); r.Within < 0.999 || r.Beyond > 1e-3 {
		t.Errorf("held to 1 %% it makes %+v", r)
	}
	if r := RatioOf(b, b, 1.03, 0.95); r.Value != 1 || r.Differs != 1 || r.Within != 0 {
		t.Errorf("of the same it makes %+v", r)
	}
	if r := RatioOf(b[:1], a[:1], 1.03, 0.95); !math.IsNaN(r.Within) || !math.IsNaN(r.Differs) {
		t.Errorf("one seed tells %+v", r)
	}
}
