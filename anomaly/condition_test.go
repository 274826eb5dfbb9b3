package anomaly

import (
	"math"
	"math/rand/v2"
	"testing"
)

// loads draws the metrics of an endpoint under a load that comes and goes: all
// follow it, each with its own noise.
func loads(r *rand.Rand, values []float64, k int) {
	load := 1 + 0.5*math.Sin(float64(k)/50) + 0.1*r.NormFloat64()
	for m := range values {
		values[m] = load*float64(m+1) + 0.1*r.NormFloat64()
	}
}

func seasoned(t testing.TB, metrics, n int) (*Condition, *rand.Rand) {
	t.Helper()
	r := rand.New(rand.NewPCG(8, 8))
	c, values := NewCondition(metrics), make([]float64, metrics)
	for k := range n {
		loads(r, values, k)
		c.Push(nil, values, 30)
	}
	return c, r
}

func TestConditionStaysHighWhileStrange(t *testing.T) {
	c, r := seasoned(t, 8, 3000)
	c.Hold()
	values, dst := make([]float64, 8), make([]float64, 8)
	quiet := 0.0
	for k := range 500 {
		loads(r, values, 3000+k)
		quiet = max(quiet, c.Push(dst, values, 30).Value)
	}
	if quiet > 0.2 {
		t.Errorf("usual rows score up to %v", quiet)
	}
	for k := range 500 {
		loads(r, values, 3500+k)
		values[5] -= 4 // the bond with the load is broken; the value is not out of its range
		s := c.Push(dst, values, 30)
		if k < 20 {
			continue
		}
		if s.Value < 2*quiet || s.Top != 5 {
			t.Fatalf("after %d strange rows: %+v (usual up to %v), by metric %v", k, s, quiet, dst)
		}
	}
	for k := range 60 {
		loads(r, values, 4000+k)
		c.Push(dst, values, 30)
	}
	if s := c.Push(dst, values, 30); s.Value > quiet+0.05 {
		t.Errorf("an hour after the fault the score is %v", s.Value)
	}
}

// TestConditionMonotone: the farther the row, the higher the score, up to the
// bound of a distance.
func TestConditionMonotone(t *testing.T) {
	last := -1.0
	for _, far := range []float64{0, 2, 4, 8, 16, 1e9} {
		c, _ := seasoned(t, 4, 2000)
		s := c.Push(nil, []float64{1, 2, 3, 4 + far}, 30)
		if s.Value < last || s.Value >= 1 {
			t.Errorf("%v farther: score %v after %v", far, s.Value, last)
		}
		last = s.Value
	}
	if last < 0.3 {
		t.Errorf("the strangest value scores %v", last)
	}
}

func TestConditionHolds(t *testing.T) {
	held, _ := seasoned(t, 4, 2000)
	learning, _ := seasoned(t, 4, 2000)
	held.Hold()
	var a, b Score
	for range 40000 {
		values := []float64{9, 9, 9, 9}
		a, b = held.Push(nil, values, 30), learning.Push(nil, values, 30)
	}
	if a.Value < 0.3 || b.Value > a.Value/2 {
		t.Errorf("a new state is %v against a reference, %v to one that learns", a.Value, b.Value)
	}
	short, _ := seasoned(t, 4, 100)
	short.Hold()
	for range 20000 {
		a = short.Push(nil, []float64{9, 9, 9, 9}, 30)
	}
	if a.Value > 0.1 {
		t.Errorf("a history of 100 rows was kept as a reference: score %v", a.Value)
	}
}

func TestConditionBoundaries(t *testing.T) {
	c := NewCondition(0)
	if s := c.Push(nil, nil, 30); s.Value != 0 || s.Warm || s.Top != -1 {
		t.Errorf("no metric: %+v", s)
	}
	nan := math.NaN()
	for name, rows := range map[string]func(k int) []float64{
		"one metric":   func(k int) []float64 { return []float64{float64(k % 3)} },
		"constant":     func(int) []float64 { return []float64{5, 5, 5} },
		"missing":      func(int) []float64 { return []float64{nan, nan} },
		"some missing": func(k int) []float64 { return []float64{float64(k % 2), nan, math.Inf(1), 1e200} },
		"enormous":     func(k int) []float64 { return []float64{1e149 * float64(k%2), -1e149, 1e-300} },
	} {
		c := NewCondition(len(rows(0)))
		dst := make([]float64, c.Len())
		for k := range 2000 {
			s := c.Push(dst, rows(k), 30)
			if !(s.Value >= 0 && s.Value < 0.5) {
				t.Fatalf("%s: row %d scores %+v", name, k, s)
			}
			if name == "missing" && s.Warm {
				t.Fatalf("%s: warm without a value", name)
			}
		}
		if err := c.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for m, v := range dst {
			if !(v >= 0) || math.IsInf(v, 0) {
				t.Errorf("%s: metric %d has surprise %v", name, m, v)
			}
		}
	}
	constant := NewCondition(3)
	for range 200 {
		constant.Push(nil, []float64{5, 5, 5}, 30)
	}
	if s := constant.Push(nil, []float64{5, 6, 5}, 30); s.Value < 0.5 {
		t.Errorf("a change of what never changed scores %v", s.Value)
	}
}

func TestConditionDoesNotAllocate(t *testing.T) {
	c, r := seasoned(t, 8, 100)
	values, dst := make([]float64, 8), make([]float64, 8)
	k := 0
	if n := testing.AllocsPerRun(500, func() {
		k++
		loads(r, values, k)
		c.Push(dst, values, 30)
	}); n != 0 {
		t.Errorf("%v allocations per push, want 0", n)
	}
}

func BenchmarkCondition(b *testing.B) {
	c, r := seasoned(b, 8, 2000)
	rows, dst := make([][]float64, 256), make([]float64, 8)
	for k := range rows {
		rows[k] = make([]float64, 8)
		loads(r, rows[k], k)
	}
	b.ReportAllocs()
	k := 0
	for b.Loop() {
		c.Push(dst, rows[k%len(rows)], 30)
		k++
	}
}

func BenchmarkCorrelation(b *testing.B) {
	r := rand.New(rand.NewPCG(8, 8))
	c, x, rest := NewCorrelation(8, 2), make([]float64, 8), make([]float64, 8)
	for j := range x {
		x[j] = r.NormFloat64()
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Residual(rest, x)
		c.Learn(x, 1<<15)
	}
}
