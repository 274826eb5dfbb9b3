package picker

import (
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// recorder keeps the weights that it is given.
type recorder struct {
	Picker
	weights mesh.Weights
	updates int
}

func (r *recorder) Update(w mesh.Weights) {
	r.weights = append(r.weights[:0], w...)
	r.updates++
	r.Picker.Update(w)
}

func watched(t *testing.T, overlay string, n int) (Picker, *recorder) {
	t.Helper()
	r := &recorder{Picker: NewPowerOfTwo(n, nil, 1)}
	p, err := Overlay(overlay, r, Config{Endpoints: n, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return p, r
}

// answer reports so many requests of an endpoint, of which so many failed.
func answer(p Picker, now time.Duration, i, requests, failed int) {
	for k := range requests {
		p.Done(now, i, mesh.Outcome{Failed: k < failed})
	}
}

func ejectedOf(w mesh.Weights) (all []int) {
	for i, x := range w {
		if x == 0 {
			all = append(all, i)
		}
	}
	return all
}

// TestEjectionBySuccessRate: of 10 endpoints nine succeed always. With a tenth
// that succeeds with the share 0.7 the mean is 0.97 and the standard deviation
// 0.3·0.3 = 0.09: 1.9 of them below the mean is 0.799, and 3 are 0.7.
func TestEjectionBySuccessRate(t *testing.T) {
	for _, c := range []struct {
		overlay            string
		n, requests, fails int
		ejected            bool
	}{
		{"outlier_ejection", 10, 100, 30, true},
		{"outlier_ejection", 10, 99, 30, false}, // not heard: too few requests
		{"outlier_ejection", 5, 100, 30, true},  // 5 endpoints: sd 0.4·0.3, mean 0.94, 0.7 < 0.712
		{"outlier_ejection", 4, 100, 30, false}, // too few endpoints
		{"outlier_ejection:deviations=3.1", 10, 100, 30, false},
		{"outlier_ejection:enforce=0", 10, 100, 30, false},
	} {
		p, r := watched(t, c.overlay, c.n)
		for i := range c.n - 1 {
			answer(p, 0, i, 100, 0)
		}
		answer(p, 0, c.n-1, c.requests, c.fails)
		p.Pick(10*time.Second-1, nil)
		if len(ejectedOf(r.weights)) != 0 {
			t.Fatal("ejected before the sweep")
		}
		p.Pick(10*time.Second, nil)
		out := ejectedOf(r.weights)
		if got := len(out) == 1 && out[0] == c.n-1; got != c.ejected || len(out) > 1 {
			t.Errorf("%+v: ejected %v", c, out)
		}
		if c.ejected {
			near(t, "weight of the rest", r.weights[0], 1/float64(c.n-1))
		}
	}
	// The arithmetic where it is close: four of 5 at 1, the fifth at 0.7, is
	// 0.94 − d·0.12 against 0.7: ejected below d = 2 only.
	for deviations, want := range map[string]int{"1.99": 1, "2.01": 0} {
		p, r := watched(t, "outlier_ejection:deviations="+deviations, 5)
		for i := range 5 {
			answer(p, 0, i, 100, 30*(i/4))
		}
		p.Pick(10*time.Second, nil)
		if got := len(ejectedOf(r.weights)); got != want {
			t.Errorf("at %s deviations %d are ejected; want %d", deviations, got, want)
		}
	}
}

// TestEjectionByFailurePercentage is enforced only where it is asked for.
func TestEjectionByFailurePercentage(t *testing.T) {
	for _, c := range []struct {
		overlay  string
		requests int
		failed   int
		want     int
	}{
		{"outlier_ejection:enforce=0:failure_enforce=100", 50, 43, 1},  // 86 %
		{"outlier_ejection:enforce=0:failure_enforce=100", 100, 85, 0}, // not above 85 %
		{"outlier_ejection:enforce=0:failure_enforce=100", 49, 49, 0},
		{"outlier_ejection:enforce=0", 50, 50, 0},
	} {
		p, r := watched(t, c.overlay, 5)
		for i := range 4 {
			answer(p, 0, i, 50, 0)
		}
		answer(p, 0, 4, c.requests, c.failed)
		p.Pick(10*time.Second, nil)
		if got := len(ejectedOf(r.weights)); got != c.want {
			t.Errorf("%+v: %d ejected", c, got)
		}
	}
}

// TestEjectionEndsAndGrows: 30 s, then 60 s for the second time, and no more
// than a tenth of the endpoints, but one in any case.
func TestEjectionEndsAndGrows(t *testing.T) {
	p, r := watched(t, "outlier_ejection:enforce=0:failure_enforce=100", 10)
	second := func(s int) time.Duration { return time.Duration(s) * time.Second }
	sweep := func(s int, bad ...int) int {
		for i := range 10 {
			answer(p, second(s), i, 50, 0)
		}
		for _, i := range bad {
			answer(p, second(s), i, 1000, 1000)
		}
		p.Pick(second(s), nil)
		return len(ejectedOf(r.weights))
	}
	if got := sweep(10, 3, 4, 5); got != 1 {
		t.Errorf("of three bad ones of ten %d are ejected at once; want 1", got)
	}
	if r.weights[3] != 0 {
		t.Error("the first is not the one")
	}
	for s := 20; s <= 40; s += 10 {
		if sweep(s) != 1 {
			t.Errorf("it is back at %d s; want after 30 s", s)
		}
	}
	if sweep(50) != 0 {
		t.Error("it is not back after more than 30 s")
	}
	if sweep(60, 3) != 1 { // its count was 1, and is 2 now: 60 s
		t.Error("it is not ejected again")
	}
	for s := 70; s <= 120; s += 10 {
		if sweep(s) != 1 {
			t.Errorf("it is back at %d s; want after 60 s", s)
		}
	}
	if sweep(130) != 0 {
		t.Error("it is not back after more than 60 s")
	}
	// A good interval takes one off the count: now 2 at the sweep in which it
	// came back, 1 after this, 0 after the next.
	sweep(140)
	sweep(150)
	if sweep(160, 3) != 1 || sweep(170) != 1 || sweep(180) != 1 || sweep(190) != 1 || sweep(200) != 0 {
		t.Error("after good intervals it is not out for 30 s")
	}
}

// TestEjectionLeavesSomeone: where all would be out, the weights stay.
func TestEjectionLeavesSomeone(t *testing.T) {
	p, r := watched(t, "outlier_ejection:max_ejected=100:failure_enforce=100:failure_endpoints=1", 2)
	answer(p, 0, 0, 50, 50)
	answer(p, 0, 1, 50, 50)
	if p.Pick(10*time.Second, nil) < 0 || len(ejectedOf(r.weights)) != 0 {
		t.Errorf("with all ejected the weights are %v", r.weights)
	}
}

func TestSlowStartFactor(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		least, aggression float64
		age               time.Duration
		want              float64
	}{
		{0.1, 1, 0, 0.1},
		{0.1, 1, 3 * s, 0.1},
		{0.1, 1, 15 * s, 0.25},
		{0.1, 2, 15 * s, 0.5}, // √¼
		{0.1, 0.5, 30 * s, 0.25},
		{0, 1, 0, 1. / 60_000}, // a millisecond at least
		{0.1, 1, 60 * s, 1},
		{0.1, 1, 90 * s, 1},
	} {
		p := slowStart{window: 60 * s, least: c.least, aggression: c.aggression}
		near(t, "factor", p.at(c.age), c.want)
	}
}

// TestSlowStart: a fourth endpoint joins three. Pickers that use weights and
// those that do not give it a tenth of the others' share, half of it after half
// of the window, all at the end; and endpoints that are all new are alike.
func TestSlowStart(t *testing.T) {
	for _, name := range []string{"weighted+slow_start", "weighted_round_robin+slow_start", "power_of_two+slow_start", "random+slow_start", "round_robin+slow_start", "least_loaded+slow_start", "peak_ewma+slow_start"} {
		p := named[Picker](t, name, Config{Weights: mesh.Weights{1. / 3, 1. / 3, 1. / 3, 0}, Seed: 4})
		share := func(now time.Duration, i int) float64 {
			n := 0.0
			for range 20_000 {
				k := p.Pick(now, nil)
				if k == i {
					n++
				}
				p.Done(now, k, mesh.Outcome{Latency: 10 * time.Millisecond})
			}
			return n / 20_000
		}
		if got := share(0, 0); math.Abs(got-1./3) > 0.02 {
			t.Errorf("%s: all new, endpoint 0 gets %v", name, got)
		}
		share(100*time.Second, 0)
		p.Update(mesh.Weights{0.25, 0.25, 0.25, 0.25})
		p.Update(mesh.Weights{0.25, 0.25, 0.25, 0.25}) // keeps its age
		for _, c := range []struct{ age, factor float64 }{{1, 0.1}, {30, 0.5}, {60, 1}} {
			want := c.factor / (3 + c.factor)
			if got := share(100*time.Second+time.Duration(c.age*1e9), 3); math.Abs(got-want) > 0.025 { // peak_ewma has preferences of its own
				t.Errorf("%s: after %v s the new one gets %v; want %v", name, c.age, got, want)
			}
		}
	}
}

// TestRepickingTakesBack: what was passed over is not counted as in flight.
func TestRepickingTakesBack(t *testing.T) {
	inner := &leastLoaded{random: newRandom(Config{Seed: 1}, 1)}
	p := newSlowStart(inner, Config{Seed: 1}, settings{"window": 60, "least": 0.1, "aggression": 1}, false)
	p.Update(mesh.Weights{0.5, 0.5, 0})
	p.Pick(100*time.Second, nil)
	p.Update(mesh.Weights{0.4, 0.3, 0.3})
	for range 299 {
		p.Pick(101*time.Second, nil)
	}
	if got := sum(inner.inFlight); got != 300 {
		t.Errorf("%d in flight after 300 picks", got)
	}
	// Nobody else: it is taken all the same.
	p.Update(mesh.Weights{0, 0, 1})
	if i := p.Pick(101*time.Second, nil); i != 2 {
		t.Errorf("alone, the new one is not picked but %d", i)
	}
}
