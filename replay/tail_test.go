package replay

import (
	"math"
	"testing"
)

func TestMixtureTail(t *testing.T) {
	fast, slow := tail{0.01, 0.02, 0.04}, tail{0.1, 0.2, 0.4}
	instant := tail{0.05, 0.05, 0.05}
	down := tail{1, 1, 1}
	for _, c := range []struct {
		name  string
		parts []part
		want  float64
	}{
		{"one endpoint is itself", []part{{1, 0, fast}}, 0.04},
		{"equal endpoints are one", []part{{0.3, 0, slow}, {0.7, 0, slow}}, 0.4},
		{"weights need not sum to one", []part{{3, 0, slow}, {7, 0, slow}}, 0.4},
		{"a step", []part{{1, 0, instant}}, 0.05},
		{"two percent fail", []part{{1, 0.02, fast}}, 1},
		{"down", []part{{1, 1, down}}, 1},
		// A tenth on the slow one: its own p90 lies beyond for 1 %, the fast
		// one's tail adds nearly nothing there.
		{"a tenth on the slow one", []part{{0.9, 0, fast}, {0.1, 0, slow}}, 0.2},
	} {
		got := mixtureTail(c.parts, 1)
		near(t, c.name, got, c.want, 0.01*c.want)
		if beyond := mixtureBeyond(c.parts, 1, got*1.0001); beyond > tailProbability*10 {
			t.Errorf("%s: %v beyond the p99", c.name, beyond)
		}
	}
	if got := mixtureTail(nil, 1); !math.IsNaN(got) {
		t.Errorf("nothing known: p99 %v; want NaN", got)
	}
	if one, two := mixtureTail([]part{{1, 0.0, fast}}, 1), mixtureTail([]part{{1, 0.005, fast}}, 1); !(two > one) {
		t.Errorf("half a percent of failures moved the p99 from %v to %v; want it higher", one, two)
	}
}

func TestBeyondFallsAndMeetsTheQuantiles(t *testing.T) {
	d := tail{0.01, 0.03, 0.2}
	near(t, "at p50", d.beyond(0.01), 0.5, 1e-12)
	near(t, "at p90", d.beyond(0.03), 0.1, 1e-12)
	near(t, "at p99", d.beyond(0.2), 0.01, 1e-12)
	last := 1.0
	for x := 1e-4; x < 10; x *= 1.05 {
		p := d.beyond(x)
		if p > last || p < 0 {
			t.Fatalf("beyond(%v) = %v after %v; want it to fall", x, p, last)
		}
		last = p
	}
}

func TestMissingQuantilesAreFilledIn(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		p50, p90, p99 float64
		ok            bool
	}{{0.01, 0.02, 0.04, true}, {nan, 0.02, 0.04, true}, {0.01, nan, 0.04, true}, {nan, nan, 0.04, false}, {0.01, 0.02, nan, false}, {0, 0.02, math.Inf(1), false}} {
		got, ok := newTail(c.p50, c.p90, c.p99)
		if ok != c.ok {
			t.Errorf("%v: known %v; want %v", c, ok, c.ok)
		}
		if ok && !(0 < got.p50 && got.p50 <= got.p90 && got.p90 <= got.p99) {
			t.Errorf("%v became %v; want it in order", c, got)
		}
	}
}
