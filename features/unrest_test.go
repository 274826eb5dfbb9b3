package features_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// unrest pushes windows of six endpoints, whose speeds are said for each window,
// and returns that of each frame.
func unrest(t *testing.T, windows, requests int, speed func(k, i int) float64) []float64 {
	t.Helper()
	r := rand.New(rand.NewPCG(13, 14))
	x := features.New(features.DefaultConfig())
	var all []float64
	for k := range windows {
		var list []seen
		for i := range 6 {
			list = append(list, chanced(r, requests, speed(k, i)))
		}
		all = append(all, push(t, x, window(everything, k, list...)).Unrest)
	}
	return all
}

// TestUnrest: constant capacities have none, however unlike they are and however
// little is seen of them; capacities that flip have some, and it passes.
func TestUnrest(t *testing.T) {
	for _, requests := range []int{5, 30, 300} {
		for k, u := range unrest(t, 200, requests, func(_, i int) float64 { return 0.5 + float64(i)/4 }) {
			if u > 0.05 {
				t.Fatalf("%d requests, window %d: constant capacities have an unrest of %v", requests, k, u)
			}
		}
	}
	// Each endpoint is a third as fast in every other five windows, at times of its own.
	flips := func(k, i int) float64 {
		if k >= 150 {
			return 1
		}
		return 1 - 0.7*float64((k+2*i)/5%2)
	}
	all := unrest(t, 450, 300, flips)
	t.Logf("flipping: %.2f after 50 windows, %.2f after 150; 300 windows later %.2f", all[49], all[149], all[449])
	if all[149] < 0.2 || all[149] > 2 {
		t.Errorf("capacities that flip between 1 and 0.3 have an unrest of %v; want about half of what lies between, %v", all[149], -math.Log(0.3)/2)
	}
	if all[449] > 0.05 {
		t.Errorf("300 windows after the last flip the unrest is %v", all[449])
	}
}

// TestUnrestIsBounded: what one endpoint of three says is not what they all do,
// and whatever all of them say it is a number.
func TestUnrestIsBounded(t *testing.T) {
	for _, odd := range []float64{0, 1e-18, 3, 100, 1e18, math.Inf(1), nan} {
		for n := 1; n <= 3; n += 2 {
			x := features.New(features.DefaultConfig())
			most := 0.0
			for k := range 200 {
				list := repeat(3, healthy(50))
				if k%40 == 20 {
					copy(list, repeat(n, healthy(50).but(mesh.Utilization, odd)))
				}
				most = max(most, push(t, x, window(everything, k, list...)).Unrest) // NaN stays
			}
			if n == 1 && most != 0 {
				t.Errorf("utilization %v of one endpoint of three makes an unrest of %v", odd, most)
			}
			if t.Logf("utilization %v of %d: an unrest of %.3f", odd, n, most); !(most >= 0) || math.IsInf(most, 0) {
				t.Errorf("utilization %v of %d endpoints makes an unrest of %v", odd, n, most)
			}
		}
	}
	if f := push(t, features.New(features.DefaultConfig()), window(everything, 0, healthy(0), gone)); f.Unrest != 0 {
		t.Errorf("idle endpoints have an unrest of %v", f.Unrest)
	}
}

// TestErrorsOfTheProcessBefore: what an endpoint failed before it was down is
// not held against it when it is back; what it failed before it was idle is.
func TestErrorsOfTheProcessBefore(t *testing.T) {
	idle := seen{mesh.RequestRate: 0, mesh.InFlight: 0, mesh.Utilization: 0, mesh.Up: 1, mesh.Age: 3}
	recent := func(between seen) float64 {
		x := features.New(features.DefaultConfig())
		var list []seen
		list = append(append(list, repeat(40, healthy(50))...), repeat(4, healthy(50).but(mesh.ErrorRatio, 1))...)
		list = append(append(list, between), idle)
		var f *features.Frame
		for k, e := range list {
			f = push(t, x, window(everything, k, e, healthy(50)))
		}
		return value(t, f, 0, "error_recent")
	}
	limit := features.DefaultConfig().Objective.MaxErrorRatio
	if got := recent(gone); got > limit/2+1e-6 {
		t.Errorf("back again, %v of its requests are said to have failed of late; want no more than %v", got, limit/2)
	}
	if got := recent(idle); got < 0.3 {
		t.Errorf("idle since it failed, %v of its requests are said to have failed of late", got)
	}
}
