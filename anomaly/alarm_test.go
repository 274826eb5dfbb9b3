package anomaly

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// ring lets an alarm hear some surprises.
func ring(a *Alarm, cfg AlarmConfig, pooled ...float64) (scores []float64, rung []int) {
	for k, p := range pooled {
		score, alert := a.Ring(p, cfg)
		if alert != (score >= 0.5) {
			panic("an alert is a score from 0.5 on")
		}
		if scores = append(scores, score); alert {
			rung = append(rung, k)
		}
	}
	return scores, rung
}

// TestRing: one alert at the onset, then silence for a while, then one again.
func TestRing(t *testing.T) {
	var a Alarm
	cfg := DefaultAlarmConfig()
	scores, rung := ring(&a, cfg, slices.Concat(repeat(0, 200), repeat(4, 2*cfg.Rest))...)
	if len(rung) != 2 || rung[0] > 203 || rung[1] != rung[0]+cfg.Rest+1 {
		t.Errorf("alerts at %v; want one after 200, and the next %d later", rung, cfg.Rest+1)
	}
	for k, s := range scores {
		if !(s >= 0 && s < 1) || k < 200 && s != 0 {
			t.Fatalf("value %d scores %v", k, s)
		}
	}
	if quiet := scores[rung[0]+20]; quiet <= scores[rung[0]-1] {
		t.Errorf("while it rests a strange value scores %v; want more than %v before the alert", quiet, scores[rung[0]-1])
	}
}

// TestFatigue: who was called often of late is called for less.
func TestFatigue(t *testing.T) {
	fresh, tired := Alarm{Heard: 5000}, Alarm{Heard: 5000, Alerts: 15}
	for _, test := range []struct {
		surprise     float64
		fresh, tired bool
	}{{1, false, false}, {2, true, false}, {4, true, true}} {
		a, b := fresh, tired
		_, one := ring(&a, DefaultAlarmConfig(), repeat(test.surprise, 30)...)
		_, other := ring(&b, DefaultAlarmConfig(), repeat(test.surprise, 30)...)
		if len(one) > 0 != test.fresh || len(other) > 0 != test.tired {
			t.Errorf("surprise %v: alerts at %v, after many at %v", test.surprise, one, other)
		}
	}
	for range 20000 {
		tired.Ring(-1, DefaultAlarmConfig())
	}
	if tired.Alerts > 0.01 {
		t.Errorf("20000 quiet values later %v alerts are remembered", tired.Alerts)
	}
}

// TestLength: with a longer past more is asked for.
func TestLength(t *testing.T) {
	last := math.Inf(-1)
	for _, heard := range []float64{100, 1000, 10000} {
		asked := (&Alarm{Heard: heard}).asked(1.4)
		if asked <= last {
			t.Errorf("after %v values %v is asked for; want more than %v", heard, asked, last)
		}
		last = asked
	}
}

// detect runs a detector over one metric, a value every five minutes.
func detect(values []float64) (verdicts []Verdict) {
	d := NewDetector(1, DefaultAlarmConfig())
	for k, v := range values {
		verdicts = append(verdicts, d.Push(float64(k)*300, []float64{v}))
	}
	return verdicts
}

// TestStreaming: what comes later changes nothing.
func TestStreaming(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var values []float64
	for k := range 3000 {
		v := 5*math.Sin(float64(k)*2*math.Pi/288) + r.NormFloat64()
		if k%700 > 690 {
			v *= 8
		}
		values = append(values, v)
	}
	whole := detect(values)
	for _, n := range []int{1, 39, 500, 1401, 2999} {
		if !slices.Equal(detect(values[:n]), whole[:n]) {
			t.Errorf("the first %d values alone have other scores", n)
		}
	}
}

// TestOdd: series without much in them, or with too much.
func TestOdd(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	nan := math.NaN()
	for name, test := range map[string]struct {
		value  func(k int) float64
		alerts int // at most
	}{
		"constant":        {func(int) float64 { return 7 }, 0},
		"nothing":         {func(int) float64 { return nan }, 0},
		"two values":      {func(k int) float64 { return float64(k % 2) }, 0},
		"huge":            {func(int) float64 { return 1e149 * r.NormFloat64() }, 8},
		"beyond":          {func(int) float64 { return 1e300 }, 0},
		"tiny":            {func(int) float64 { return 1e-300 * r.NormFloat64() }, 8},
		"mostly missing":  {func(k int) float64 { return []float64{nan, nan, nan, r.NormFloat64()}[k%4] }, 8},
		"noise":           {func(int) float64 { return r.NormFloat64() }, 8},
		"rare and common": {func(int) float64 { return float64(r.IntN(20) / 19) }, 25},
	} {
		var values []float64
		for k := range 4000 {
			values = append(values, test.value(k))
		}
		alerts := 0
		for k, v := range detect(values) {
			if !(v.Score >= 0 && v.Score <= 1) {
				t.Fatalf("%s: score %v of value %d", name, v.Score, k)
			}
			if v.Alert {
				alerts++
			}
		}
		if alerts > test.alerts {
			t.Errorf("%s: %d alerts in 4000 values; want at most %d", name, alerts, test.alerts)
		}
	}
}

func TestDetectorDoesNotAllocate(t *testing.T) {
	for _, metrics := range []int{1, fewMetrics} {
		d, values, k := NewDetector(metrics, DefaultAlarmConfig()), make([]float64, metrics), 0.0
		if n := testing.AllocsPerRun(3000, func() {
			k++
			for m := range values {
				values[m] = math.Sin(k * float64(m+1))
			}
			d.Push(k*300, values)
		}); n != 0 {
			t.Errorf("%d metrics: %v allocations per push, want 0", metrics, n)
		}
	}
}

// BenchmarkGolden is what a metric costs whose newest stretch is compared.
func BenchmarkGolden(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	d, values, k := NewDetector(1, DefaultAlarmConfig()), make([]float64, 1), 0.0
	b.ReportAllocs()
	for b.Loop() {
		k++
		values[0] = r.NormFloat64()
		d.Push(k*300, values)
	}
}
