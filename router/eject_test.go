package router

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEjectAndReturn(t *testing.T) {
	// Failing for one window; 30 s are six windows of 5 s.
	windows := append([][]seen{six(), with(2, failsAll)}, times(14, six())...)
	all := run(t, Eject(RoundRobin(), nil, DefaultConfig()), windows...)
	for k, d := range all {
		w, want := d.Weights[2], 0.0
		switch {
		case k == 0:
			want = 1.0 / 6
		case k <= 6:
			if !d.Ejected[2] {
				t.Errorf("window %d: not ejected", k)
			}
		case k <= 12: // slow start over 30 s: a tenth, then 5/30, 10/30, …
			part := max(float64(k-7)/6, 0.1)
			want = part / (5 + part)
		default:
			want = 1.0 / 6
		}
		near(t, fmt.Sprintf("window %d: weight", k), w, want, 1e-9)
	}
}

// TestDownIsOutOnce: an outage that the metrics tell of lasts as long as they
// say, however long, and is one; the second soon after it lasts longer.
func TestDownIsOutOnce(t *testing.T) {
	for _, length := range []int{1, 8} {
		down, up := times(length, with(2, seen.down)), times(3, six())
		windows := append(append(append(append([][]seen{six()}, down...), up...), down...), times(7, six())...)
		for k, d := range run(t, Eject(RoundRobin(), nil, DefaultConfig()), windows...) {
			first := k >= 1 && k < 1+length
			second := 4 + length // its first window; 30 s are six
			if want := first || k >= second && k < second+max(length, 6); d.Ejected[2] != want {
				t.Errorf("down for %d windows, window %d: ejected is %v", length, k, d.Ejected[2])
			}
		}
	}
}

// TestSlowStartsTogether: three of six that return at once do not load the
// others with more than one has.
func TestSlowStartsTogether(t *testing.T) {
	list := six()
	for i := range 3 {
		list[i] = list[i].down()
	}
	for k, d := range run(t, Eject(RoundRobin(), nil, DefaultConfig()), six(), list, six(), six(), six()) {
		if w := d.Weights[5]; k > 1 && w > 1.0/5+1e-9 {
			t.Errorf("window %d: weights %v", k, d.Weights)
		}
	}
}

func TestEjectionsGrow(t *testing.T) {
	// Down for 400 windows: the endpoint stays out.
	all := run(t, Eject(RoundRobin(), nil, DefaultConfig()), times(400, with(0, seen.down))...)
	for k, d := range all[:60] {
		if !d.Ejected[0] {
			t.Errorf("window %d: a dead endpoint returned", k)
		}
	}
	// Failing only when it has traffic: each ejection lasts longer.
	p := Eject(RoundRobin(), nil, DefaultConfig())
	var lasted []int
	bad, out := true, 0
	for k := range 200 {
		list := six()
		if bad {
			list = with(0, func(s seen) seen { return s.failing(1) })
		}
		d := decide(t, p, frame(k, list...))
		if bad = !d.Ejected[0]; !bad {
			out++
		} else if out > 0 {
			lasted, out = append(lasted, out), 0
		}
	}
	if diff := cmp.Diff([]int{6, 12, 18, 24}, lasted[:4]); diff != "" {
		t.Errorf("windows out of rotation, in turn: %v", diff)
	}
}

func TestEjectTheWorstAndHoldTheRest(t *testing.T) {
	list := six()
	list[1], list[3] = list[1].failing(0.95), list[3].failing(1)
	list[5] = list[5].down()
	d := decide(t, Eject(RoundRobin(), nil, DefaultConfig()), frame(0, list...))
	if d.Ejected[1] == d.Ejected[3] || !d.Ejected[5] {
		t.Errorf("ejected %v; want one of those that fail, and the one that is down", d.Ejected)
	}
	if d.Ejected[1] {
		d.Weights[1] = d.Weights[3]
	}
	if d.Weights[1] > 0.02/6*2.1 || d.Weights[1] == 0 {
		t.Errorf("the second one gets %v; want the floor, scaled to sum 1", d.Weights[1])
	}
}

func TestEndpointsThatLeft(t *testing.T) {
	// Four of six are replaced for good: after MaxEjection they do not count,
	// and the panic ends.
	list := six()
	for i := range 4 {
		list[i] = list[i].down()
	}
	all := run(t, Eject(RoundRobin(), nil, DefaultConfig()), append([][]seen{six()}, times(65, list)...)...)
	last := all[len(all)-1]
	if diff := cmp.Diff([]float64{0, 0, 0, 0, 0.5, 0.5}, []float64(last.Weights), approx); diff != "" {
		t.Error(diff)
	}
}

// TestVanishedIsNotIdle has no series that says up: what vanishes alone is
// ejected, what vanishes with all others is a matter of the metrics.
func TestVanishedIsNotIdle(t *testing.T) {
	gone := func(s seen) seen { s = s.down(); s.up = nan; return s }
	p := Eject(RoundRobin(), nil, DefaultConfig())
	for k, d := range run(t, p, append([][]seen{six()}, times(10, with(2, gone))...)...) {
		if want := k >= vanished; d.Ejected[2] != want {
			t.Errorf("window %d: ejected is %v; want %v", k, d.Ejected[2], want)
		}
	}
	all := six()
	for i := range all {
		all[i] = gone(all[i])
	}
	for k, d := range run(t, Eject(RoundRobin(), nil, DefaultConfig()), append([][]seen{six()}, times(10, all)...)...) {
		if slices.Contains(d.Ejected, true) || len(d.Notes) > 0 {
			t.Errorf("window %d: ejected %v, notes %v, though the metrics are all missing", k, d.Ejected, d.Notes)
		}
	}
}

func TestEjectAdvancesOncePerWindow(t *testing.T) {
	p := Eject(RoundRobin(), nil, DefaultConfig())
	decide(t, p, frame(0, with(2, seen.down)...))
	f := frame(0, with(2, seen.down)...)
	for range 50 {
		f.Time = f.Time.Add(time.Second)
		if d := decide(t, p, f); !d.Ejected[2] {
			t.Fatal("an ejection ended without a new window")
		}
	}
}

// TestEjectionsEndWhileMetricsAge: an endpoint that was well in the last window
// is not kept out for as long as no other comes.
func TestEjectionsEndWhileMetricsAge(t *testing.T) {
	p := Eject(RoundRobin(), nil, DefaultConfig())
	decide(t, p, frame(0, with(2, failsAll)...))
	f := frame(1, six()...)
	for _, ejected := range []bool{true, true, true, false} { // at 5, 15, 25 and 35 s of 30
		if d := decide(t, p, f); d.Ejected[2] != ejected {
			t.Errorf("at %v: ejected %v", f.Time.Sub(epoch), d.Ejected[2])
		}
		f.Time = f.Time.Add(10 * time.Second)
	}
}

// TestEndpointBetweenWindows: rules may name an endpoint between two windows, or where
// there are no metrics at all.
func TestEndpointBetweenWindows(t *testing.T) {
	p := Eject(RoundRobin(), nil, DefaultConfig())
	decide(t, p, frame(0, six()...))
	f := frame(0, young()...)
	f.Time = f.Time.Add(time.Second)
	d := decide(t, p, f)
	near(t, "weight of the new one", d.Weights[6], 1.0/7, 1e-9)
	if len(d.Health) != 7 {
		t.Errorf("health of %d endpoints; want 7", len(d.Health))
	}
}
