package anomaly

import (
	"math"
	"math/rand/v2"
	"testing"
)

const quarter = 15 * 60 // seconds

// daily is a metric that is high from 8 to 18 h, with noise, every 15 minutes.
func daily(r *rand.Rand, k int) (at, v float64) {
	at = float64(k) * quarter
	if h := k / 4 % 24; h >= 8 && h < 18 {
		v = 20
	}
	return at, v + r.NormFloat64()
}

// TestSeason: after some days the night's load at noon, and noon's at night, is
// strange, although neither is rare.
func TestSeason(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, known := range []bool{true, false} {
		tracker, dst := New(1, DefaultConfig()), make([]float64, 1)
		for k := range 20 * 24 * 4 {
			at, v := daily(r, k)
			if !known {
				at = math.NaN()
			}
			tracker.Push(nil, at, []float64{v})
		}
		at := 20*24*60*60 + 12.0*60*60 // noon, and it is as at night
		if !known {
			at = math.NaN()
		}
		tracker.Push(dst, at, []float64{0})
		seasonal := tracker.metrics[0].Seasonal.N
		if known && (dst[0] < 1 || seasonal < 1000) {
			t.Errorf("night at noon has a surprise of %v with %d values known by their hour; want 1 or more", dst[0], seasonal)
		}
		if !known && (dst[0] > 0.5 || seasonal > 0) {
			t.Errorf("without a time there is no season, yet the surprise is %v, of %d values", dst[0], seasonal)
		}
	}
}

// TestNoSeason: mere noise has none, nor has a first day.
func TestNoSeason(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	noise, first := New(1, DefaultConfig()), New(1, DefaultConfig())
	for k := range 20 * 24 * 4 {
		noise.Push(nil, float64(k)*quarter, []float64{r.NormFloat64()})
	}
	for k := range 24 * 4 {
		at, v := daily(r, k)
		first.Push(nil, at, []float64{v})
	}
	if n := noise.metrics[0].Seasonal.N; n > 20 {
		t.Errorf("%d values of noise were compared with their hour", n)
	}
	if n := first.metrics[0].Seasonal.N; n > 0 {
		t.Errorf("%d values of the first day were compared with their hour", n)
	}
}

func TestHour(t *testing.T) {
	for at, want := range map[float64]int32{0: 0, 3599: 0, 3600: 1, -1: 23, 1404172800: 0, 86400*100 + 7.5*3600: 7} {
		if got, ok := hour(at); got != want || !ok {
			t.Errorf("hour of %v is %d, %v; want %d", at, got, ok, want)
		}
	}
	for _, at := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300} {
		if h, ok := hour(at); ok {
			t.Errorf("%v is no time, yet its hour is %d", at, h)
		}
	}
}

// TestTimes: times that stand still, step back, leap or are no numbers neither
// break anything nor leave a state that is not restored.
func TestTimes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	tracker := New(1, DefaultConfig())
	odd := []float64{0, 0, -3300, 1e9, math.NaN(), math.Inf(1), -1e18, 5}
	for k := range 2000 {
		at := float64(k)*300 + odd[r.IntN(len(odd))]
		if s := tracker.Push(nil, at, []float64{r.NormFloat64() * 1e149}); !(s.Value >= 0 && s.Value <= 1) {
			t.Fatalf("score is %v", s.Value)
		}
	}
	saved, err := tracker.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := new(Tracker).UnmarshalBinary(saved); err != nil {
		t.Error(err)
	}
}
