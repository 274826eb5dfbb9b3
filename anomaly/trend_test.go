package anomaly

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestTrendFollowsLine(t *testing.T) {
	for _, slope := range []float64{0, 0.5, -3} {
		trend := NewTrend(30)
		at, r := 0.0, rand.New(rand.NewPCG(1, 2))
		for range 100 {
			dt := 1 + 9*r.Float64()
			at += dt
			trend.Push(dt, 1000+slope*at)
		}
		if math.Abs(trend.Slope()-slope) > 1e-6 || math.Abs(trend.Level()-(1000+slope*at)) > 1e-6 {
			t.Errorf("slope %v: got slope %v, level %v at %v", slope, trend.Slope(), trend.Level(), 1000+slope*at)
		}
	}
}

// TestTrendBends: after a few half-lives the old slope is forgotten.
func TestTrendBends(t *testing.T) {
	trend, v := NewTrend(30), 0.0
	for k := range 160 {
		if k < 100 {
			v++
		} else {
			v -= 2
		}
		trend.Push(5, v)
	}
	if got := trend.Slope(); math.Abs(got+0.4) > 0.02 {
		t.Errorf("slope is %v, want -0.4", got)
	}
}

func TestTrendBoundaries(t *testing.T) {
	trend := NewTrend(10)
	if !math.IsNaN(trend.Level()) || trend.Slope() != 0 || !math.IsNaN(trend.Crossing(1, 10)) {
		t.Error("a trend without values knows something")
	}
	trend.Push(math.NaN(), 7) // the first has nothing before it
	if trend.Level() != 7 || trend.Slope() != 0 {
		t.Errorf("after one value: level %v, slope %v", trend.Level(), trend.Slope())
	}
	for _, dt := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if trend.Push(dt, 100); trend.Level() != 7 {
			t.Errorf("dt %v was taken", dt)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if trend.Push(1, v); trend.Level() != 7 {
			t.Errorf("value %v was taken", v)
		}
	}
	if trend.Crossing(7, 1) != 1 || trend.Crossing(6, 1) != 1 {
		t.Error("what is there already has not crossed")
	}
	if trend.Crossing(8, 0) != 0 || trend.Crossing(8, 100) != 0 {
		t.Error("what does not move crosses")
	}
	trend.Push(1e6, 3)
	if trend.Level() != 3 || trend.Slope() != 0 {
		t.Errorf("after a very long time: level %v, slope %v", trend.Level(), trend.Slope())
	}
	for range 1000 {
		trend.Push(5, math.NaN())
	}
	if !math.IsNaN(trend.Level()) {
		t.Errorf("500 half-lives without a value: level %v", trend.Level())
	}
	for range 10 {
		trend.Push(1, 1e300)
	}
	for k := range 10 {
		trend.Push(1, math.Copysign(1e149, float64(k%2)-0.5))
	}
	if p := trend.Crossing(1, 1); !(p >= 0 && p <= 1) {
		t.Errorf("after enormous values: crossing %v", p)
	}
}

// TestFirstPassage compares the closed form with simulated walks.
func TestFirstPassage(t *testing.T) {
	const walks, steps = 4000, 400
	for _, c := range []struct{ distance, drift, variance, time float64 }{
		{1, 0.1, 0.1, 10}, {1, 0, 0.05, 10}, {2, -0.1, 0.5, 10}, {1, 0.2, 0.01, 4}, {5, 0.1, 0.1, 10},
	} {
		r := rand.New(rand.NewPCG(1, 9))
		crossed, dt := 0.0, c.time/steps
		for range walks {
			x := 0.0
			for range steps {
				step := c.drift*dt + math.Sqrt(c.variance*dt)*r.NormFloat64()
				// The walk may have crossed between two points, too (Brownian bridge).
				if x += step; x >= c.distance || r.Float64() < math.Exp(-2*(c.distance-x)*(c.distance-x+step)/(c.variance*dt)) {
					crossed += 1.0 / walks
					break
				}
			}
		}
		if got := firstPassage(c.distance, c.drift, c.variance, c.time); math.Abs(got-crossed) > 0.03 {
			t.Errorf("%+v: %v, simulated %v", c, got, crossed)
		}
	}
}

func TestFirstPassageExtremes(t *testing.T) {
	for _, distance := range []float64{1e-12, 1, 1e12} {
		for _, drift := range []float64{-1e9, -1, 0, 1, 1e9} {
			for _, variance := range []float64{0, 1e-300, 1e-12, 1, 1e12} {
				last := 0.0
				for _, time := range []float64{1e-6, 1, 1e6} {
					p := firstPassage(distance, drift, variance, time)
					if !(p >= last-1e-9 && p <= 1) {
						t.Errorf("distance %v, drift %v, variance %v, time %v: %v after %v", distance, drift, variance, time, p, last)
					}
					last = p
				}
			}
		}
	}
}

// TestCrossing follows a noisy ramp to its threshold: far from it the
// probability is small, near it large, and it is right on the whole.
func TestCrossing(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	const steps, horizon, threshold, slope = 120, 30.0, 10.0, 1.0 / 60
	forecast, happened := 0.0, 0.0
	for range 300 {
		trend, level := NewTrend(60), 0.0
		crossed := -1
		var p [steps]float64
		for k := range steps {
			level += slope*5 + 0.05*r.NormFloat64()
			trend.Push(5, level+0.05*r.NormFloat64())
			p[k] = trend.Crossing(threshold, horizon)
			if level >= threshold && crossed < 0 {
				crossed = k
			}
		}
		if crossed < 0 {
			crossed = steps
		}
		for k := 12; k < crossed && k < steps-6; k++ {
			forecast += p[k]
			if crossed <= k+6 {
				happened++
			}
		}
		if p[60] > 0.05 {
			t.Errorf("half way up the probability is %v", p[60])
		}
		if crossed < steps && p[crossed-1] < 0.3 {
			t.Errorf("one step before it crosses the probability is %v", p[crossed-1])
		}
	}
	if ratio := forecast / happened; ratio < 0.6 || ratio > 1.6 {
		t.Errorf("%v crossings were forecast, %v happened", forecast, happened)
	}
}

// TestNoCrossing: noise around a level has no trend.
func TestNoCrossing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	trend := NewTrend(60)
	alarms := 0
	for k := range 5000 {
		trend.Push(5, r.NormFloat64())
		if k >= 20 && trend.Crossing(5, 30) > 0.1 {
			alarms++
		}
	}
	if alarms > 5 {
		t.Errorf("noise of deviation 1 was about to cross 5 in %d of 5000 cases", alarms)
	}
}

// A value that rises steadily is about to reach 10; one second is too short.
func ExampleTrend() {
	trend := NewTrend(30)
	for k := range 20 {
		trend.Push(1, 0.4*float64(k))
	}
	fmt.Printf("level %.1f, slope %.1f per second\n", trend.Level(), trend.Slope())
	fmt.Printf("within 1 s %.2f, within 10 s %.2f\n", trend.Crossing(10, 1), trend.Crossing(10, 10))
	// Output:
	// level 7.6, slope 0.4 per second
	// within 1 s 0.00, within 10 s 1.00
}
