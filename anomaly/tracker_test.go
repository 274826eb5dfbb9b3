package anomaly

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// run pushes one metric and returns the scores.
func run(tracker *Tracker, values ...float64) []Score {
	var scores []Score
	for _, v := range values {
		scores = append(scores, tracker.Push(nil, math.NaN(), []float64{v}))
	}
	return scores
}

func repeat(v float64, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = v
	}
	return values
}

func TestConstant(t *testing.T) {
	for _, v := range []float64{0, 1, -3.7, 1e12, 0.1 + 0.2} {
		tracker := New(1, DefaultConfig())
		for k, s := range run(tracker, repeat(v, 500)...) {
			if s.Value != 0 || s.Top != -1 {
				t.Fatalf("constant %v, value %d: %+v", v, k, s)
			}
		}
		if s := run(tracker, v*(1+1e-12))[0]; s.Value != 0 {
			t.Errorf("constant %v: rounding scores %v", v, s.Value)
		}
		if s := run(tracker, v+0.5+v/10)[0]; s.Value < 0.8 || s.Top != 0 {
			t.Errorf("constant %v: its first change scores %+v", v, s)
		}
	}
}

// TestStep: a step is strange at once and for a while, then it is the new normal.
func TestStep(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tracker := New(1, DefaultConfig())
	noise := func(level float64, n int) (values []float64) {
		for range n {
			values = append(values, level+r.NormFloat64())
		}
		return values
	}
	run(tracker, noise(0, 500)...)
	scores := run(tracker, noise(10, 3000)...)
	for k, want := range []float64{0.5, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9} {
		if scores[k].Value < want {
			t.Errorf("%d values after the step the score is %v, want %v or more", k+1, scores[k].Value, want)
		}
	}
	if last := scores[len(scores)-1].Value; last > 0.1 {
		t.Errorf("3000 values after the step the score is still %v", last)
	}
}

// TestWarm: nothing is strange while there is no past to compare with.
func TestWarm(t *testing.T) {
	cfg := DefaultConfig()
	for k, s := range run(New(1, cfg), append(repeat(1, cfg.Warmup-1), 100, 100)...) {
		if warm := k >= cfg.Warmup; s.Warm != warm || !warm && s.Value != 0 {
			t.Errorf("value %d: %+v", k, s)
		}
	}
}

// TestScale: neither the unit nor the sign of a metric matters.
func TestScale(t *testing.T) {
	for _, factor := range []float64{1e-9, -1, 1024, 1e9} {
		r := rand.New(rand.NewPCG(3, 4))
		a, b := New(1, DefaultConfig()), New(1, DefaultConfig())
		for k := range 1000 {
			v := 5 + r.ExpFloat64() + float64(k/900)*20
			x, y := run(a, v)[0], run(b, factor*v)[0]
			if math.Abs(x.Value-y.Value) > 1e-3 {
				t.Fatalf("value %d: score %v, times %v it is %v", k, x.Value, factor, y.Value)
			}
		}
	}
}

// TestSkipped: values that are no numbers leave the metric as it is.
func TestSkipped(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	a, b := New(2, DefaultConfig()), New(2, DefaultConfig())
	for range 200 {
		v := r.NormFloat64()
		a.Push(nil, math.NaN(), []float64{v, math.NaN()})
		b.Push(nil, math.NaN(), []float64{v, math.Inf(-1)})
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), 1e200} {
		if s := a.Push(nil, math.NaN(), []float64{bad, bad}); s.Value > 0.05 || s.Warm {
			t.Errorf("%v alone gives %+v", bad, s)
		}
	}
	dst := make([]float64, 2)
	for range 2 {
		x, y := a.Push(dst, math.NaN(), []float64{9, math.NaN()}), b.Push(nil, math.NaN(), []float64{9, math.NaN()})
		if x.Top != 0 || dst[0] <= 1 || dst[1] != 0 || math.Abs(x.Value-y.Value) > 0.2 {
			t.Errorf("after skipped values: %+v, %+v, surprises %v", x, y, dst)
		}
	}
}

// TestTop: the strangest metric is named.
func TestTop(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	tracker, values, dst := New(5, DefaultConfig()), make([]float64, 5), make([]float64, 5)
	for range 300 {
		for m := range values {
			values[m] = r.NormFloat64()
		}
		tracker.Push(dst, math.NaN(), values)
	}
	values[3] = 40
	if s := tracker.Push(dst, math.NaN(), values); s.Top != 3 || s.Value < 0.1 {
		t.Errorf("got %+v, surprises %v", s, dst)
	}
}

func TestPushDoesNotAllocate(t *testing.T) {
	tracker, dst, values := New(8, DefaultConfig()), make([]float64, 8), make([]float64, 8)
	k := 0.0
	if n := testing.AllocsPerRun(500, func() {
		k++
		for m := range values {
			values[m] = math.Sin(k * float64(m+1))
		}
		tracker.Push(dst, math.NaN(), values)
	}); n != 0 {
		t.Errorf("%v allocations per push, want 0", n)
	}
}

func TestForgets(t *testing.T) {
	var d tail
	for range 3 * forgetAt {
		d.add(1)
	}
	if d.N > forgetAt || d.N < forgetAt/2-1 {
		t.Errorf("%d values are remembered, want between half of %d and all", d.N, forgetAt)
	}
}

func TestConfig(t *testing.T) {
	err := Config{Alpha: math.NaN(), Golden: []int{2, 1}}.Validate()
	for _, want := range []string{"alpha", "warm-up", "clip", "strongest", "golden"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
}

// BenchmarkPush is one endpoint and window: eight metrics, two weeks of past.
func BenchmarkPush(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	tracker, dst, values, at := New(8, DefaultConfig()), make([]float64, 8), make([]float64, 8), 0.0
	push := func() {
		at += 300
		for m := range values {
			values[m] = math.Sin(at*2*math.Pi/86400) + r.NormFloat64()/4
		}
		tracker.Push(dst, at, values)
	}
	for range 4032 {
		push()
	}
	b.ReportAllocs()
	for b.Loop() {
		push()
	}
}
