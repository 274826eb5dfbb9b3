package foresight

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

var schema = &mesh.Schema{Name: "test", Step: 5 * time.Second, Range: 10 * time.Second, Series: []mesh.Series{
	{Name: mesh.RequestRate, Query: "r"}, {Name: mesh.ErrorRatio, Query: "e"}, {Name: mesh.LatencyP99, Query: "l"}, {Name: mesh.Up, Query: "u"},
}}

// windows are of two endpoints, 5 s apart: a's error ratio and p99 are given,
// b is well.
func windows(n int, errors, p99 func(k int) float64) []mesh.Window {
	var out []mesh.Window
	for k := range n {
		t := at(5 * float64(k))
		w := mesh.Window{Service: "svc", Schema: schema, Time: t, Start: t.Add(-12 * time.Second), End: t.Add(-2 * time.Second), Requests: []float64{500, 500}}
		for i := range 2 {
			w.Endpoints = append(w.Endpoints, mesh.Endpoint{Name: fmt.Sprintf("%c", 'a'+i)})
		}
		w.Values = []float64{50, errors(k), p99(k), 1, 50, 0, 0.1, 1}
		out = append(out, w)
	}
	return out
}

func constant(x float64) func(int) float64 { return func(int) float64 { return x } }

// config has limits of 5 % errors and 1 s.
func config() features.Config {
	c := features.DefaultConfig()
	c.Horizon = time.Minute
	c.Objective.MaxLatency = time.Second
	return c
}

// scores of endpoint a by a baseline, window by window.
func scores(t *testing.T, name string, list []mesh.Window) []float64 {
	t.Helper()
	for _, e := range Baselines(1) {
		if e.Name != name {
			continue
		}
		one, err := e.New(mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Horizon: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		x := features.New(config())
		var out []float64
		for _, w := range list {
			f, err := x.Push(w)
			if err != nil {
				t.Fatal(err)
			}
			dst := make([]Forecast, 2)
			if err := one.Forecast(dst, f); err != nil {
				t.Fatal(err)
			}
			out = append(out, dst[0].Score)
		}
		return out
	}
	t.Fatalf("no baseline %q", name)
	return nil
}

func about(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) < 1e-6) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestStaticThreshold(t *testing.T) {
	got := scores(t, "static threshold", windows(2, constant(0.025), constant(0.1)))
	about(t, "half of the limit", got[1], 1.0/3)
	got = scores(t, "static threshold", windows(2, constant(0.05), constant(0.1)))
	about(t, "the limit", got[1], 0.5)
	down := windows(2, constant(0), constant(0.1))
	down[1].Values[3] = 0
	about(t, "down", scores(t, "static threshold", down)[1], 1)
}

// TestBurnRate: the fast pair is 120 s and 10 s long here, at 14.4 budgets of
// 5 %; the slow one 720 s and 60 s, at 6.
func TestBurnRate(t *testing.T) {
	all := scores(t, "burn rate", windows(30, constant(0.36), constant(0.1)))
	about(t, "7.2 budgets", all[29], half(7.2/6))
	// One bad window among many: the short windows of both pairs see it, the
	// long ones hardly.
	one := scores(t, "burn rate", windows(30, func(k int) float64 {
		if k == 29 {
			return 0.36
		}
		return 0
	}, constant(0.1)))
	about(t, "one window of 24, and of 30", one[29], max(half(7.2/24/14.4), half(7.2/30/6)))
	slow := scores(t, "burn rate", windows(30, constant(0), constant(1.5)))
	about(t, "one percent too slow", slow[29], half(0.01/0.05/6))
}

// TestPredictLinear: a p99 that climbs from 0.1 s by 0.01 s in 5 s is at 0.1 +
// 0.01·(k+12) in a minute; the limit is 1 s.
func TestPredictLinear(t *testing.T) {
	got := scores(t, "predict_linear", windows(90, constant(0), func(k int) float64 { return 0.1 + 0.01*float64(k) }))
	for k := 2; k < 90; k++ {
		about(t, fmt.Sprintf("window %d", k), got[k], half(0.1+0.01*float64(k+12)))
	}
	if !math.IsNaN(got[0]) {
		t.Errorf("of one value there is no line; it says %v", got[0])
	}
	falls := scores(t, "predict_linear", windows(20, constant(0), func(k int) float64 { return 0.9 - 0.04*float64(k) }))
	if falls[19] != 0 {
		t.Errorf("a line below zero has the score %v", falls[19])
	}
}

// TestOthers: each is a number between 0 and 1, and sees an endpoint that
// worsens.
func TestOthers(t *testing.T) {
	list := windows(120, func(k int) float64 { return 0.002 * math.Max(0, float64(k-100)) }, func(k int) float64 {
		return 0.1 * (1 + 0.02*float64(k%3)) * math.Exp(0.11*math.Max(0, float64(k-100)))
	})
	for _, name := range []string{"anomalous now", "first passage", "origin"} {
		got := scores(t, name, list)
		if !(got[119] > got[90]) {
			t.Errorf("%s does not see it: %v, before %v", name, got[119], got[90])
		}
	}
	random := scores(t, "random", list)
	again := scores(t, "random", list)
	mean := 0.0
	for k := range random {
		if random[k] != again[k] || !(random[k] >= 0 && random[k] < 1) {
			t.Fatalf("random says %v, then %v", random[k], again[k])
		}
		mean += random[k] / float64(len(random))
	}
	if math.Abs(mean-0.5) > 0.1 {
		t.Errorf("random has a mean of %v", mean)
	}
	about(t, "base rate", scores(t, "base rate", list)[5], 0.5)
}

// TestRing forgets what is too old, and frees it.
func TestRing(t *testing.T) {
	r := ring{span: 20 * time.Second, held: map[[2]string][]timed{}}
	x := features.New(config())
	for k, w := range windows(1000, constant(0), constant(0.1)) {
		f, err := x.Push(w)
		if err != nil {
			t.Fatal(err)
		}
		list := r.push(f, 0, [3]float64{float64(k)})
		if want := min(k+1, 5); len(list) != want || list[0].v[0] != float64(k+1-want) {
			t.Fatalf("window %d: %d are held from %v on", k, len(list), list[0].v[0])
		}
	}
	if n := len(r.held[[2]string{"svc", "a"}]); n > 12 {
		t.Errorf("%d windows are held", n)
	}
}
