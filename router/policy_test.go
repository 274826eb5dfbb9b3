package router

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/features"
)

var approx = cmpopts.EquateApprox(0, 1e-9)

func TestNamed(t *testing.T) {
	want := []string{
		"adaptive", "board", "capacity", "curve_solver", "ewma_weights", "fairway", "learned", "least_latency",
		"load_interpretation", "performance_aware", "pid", "queueing", "round_robin", "static", "wrr_metrics",
	}
	if diff := cmp.Diff(want, Names()); diff != "" {
		t.Error(diff)
	}
	for _, name := range Names() {
		p, err := Named(name, uncorrected(t), nil, DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		if p.Name() != name {
			t.Errorf("%s calls itself %s", name, p.Name())
		}
		if _, says := p.(interface{ FeatureConfig() features.Config }); says != (name == "fairway" || name == "learned") {
			t.Errorf("%s says how its frames are made: %v", name, says)
		}
		without, err := Named(name, nil, nil, DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		decide(t, without, frame(0, six()...))
	}
	if _, err := Named("magic", nil, nil, DefaultConfig()); err == nil || !strings.Contains(err.Error(), "use one of adaptive, board") {
		t.Errorf("got %v; want the names there are", err)
	}
	if _, err := Named("static", nil, nil, Config{}); err == nil || !strings.Contains(err.Error(), "ttl") {
		t.Errorf("got %v; want a complaint about the config", err)
	}
}

// story is a random history of n endpoints, windows in a row.
func story(r *rand.Rand, n, windows int) [][]seen {
	var all [][]seen
	list := make([]seen, n)
	for i := range list {
		list[i] = well(fmt.Sprintf("e%02d", i), []string{"v1", "v2"}[i%2]).slow(0.5 + 2*r.Float64())
	}
	broken := make([]int, n)
	for range windows {
		now := slices.Clone(list)
		for i := range now {
			if r.Float64() < 0.05 {
				broken[i] = 1 + r.IntN(10)
			}
			now[i].rate = 10 + 60*r.Float64()
			if broken[i] > 0 {
				broken[i]--
				switch i % 3 {
				case 0:
					now[i] = now[i].down()
				case 1:
					now[i] = now[i].failing(0.95)
				default:
					now[i] = now[i].failing(0.4)
				}
			}
		}
		all = append(all, now)
	}
	return all
}

// TestPromises holds every policy to what a proxy relies on: weights sum to 1
// and are not negative, do not depend on the order of the endpoints; an
// ejected endpoint gets 0; never more than the maximum is ejected.
func TestPromises(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(len(name))))
			for _, n := range []int{1, 2, 3, 6, 25} {
				cfg := DefaultConfig()
				p, err := Named(name, uncorrected(t), nil, cfg)
				if err != nil {
					t.Fatal(err)
				}
				other, _ := Named(name, uncorrected(t), nil, cfg)
				for k, list := range story(r, n, 80) {
					d := decide(t, p, frame(k, list...))
					ejected := 0
					for i := range d.Weights {
						if d.Ejected[i] {
							if list[i].up != 0 {
								ejected++
							}
							if d.Weights[i] != 0 {
								t.Fatalf("window %d: %s is ejected and gets %v", k, d.Endpoints[i].Name, d.Weights[i])
							}
						}
					}
					if most := max(1, n/10); ejected > most || ejected == n {
						t.Fatalf("window %d: %d of %d ejected; at most %d may be", k, ejected, n, most)
					}
					r.Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
					shuffled := decide(t, other, frame(k, list...))
					for i, e := range shuffled.Endpoints {
						at := slices.IndexFunc(d.Endpoints, func(x endpoint) bool { return x.Name == e.Name })
						if math.Abs(shuffled.Weights[i]-d.Weights[at]) > 1e-9 || shuffled.Ejected[i] != d.Ejected[at] {
							t.Fatalf("window %d: %s gets %v in one order and %v in another", k, e.Name, d.Weights[at], shuffled.Weights[i])
						}
					}
				}
			}
		})
	}
}

// run decides windows one after the other and keeps each decision.
func run(t *testing.T, p Policy, windows ...[]seen) []Decision {
	t.Helper()
	var all []Decision
	for k, list := range windows {
		d := decide(t, p, frame(k, list...))
		all = append(all, d.Clone())
	}
	return all
}

func times(n int, list []seen) (windows [][]seen) {
	for range n {
		windows = append(windows, list)
	}
	return windows
}

func with(i int, change func(seen) seen) []seen {
	list := six()
	list[i] = change(list[i])
	return list
}

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

func failsAll(s seen) seen { return s.failing(1) }

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

func TestPanic(t *testing.T) {
	list := six()
	for i := range 4 {
		list[i] = list[i].down()
	}
	d := decide(t, Eject(RoundRobin(), nil, DefaultConfig()), frame(0, list...))
	near(t, "weight of a dead endpoint", d.Weights[0], 1.0/6, 1e-12)
	if slices.Contains(d.Ejected, true) || !strings.Contains(strings.Join(d.Notes, ""), "panic: 4 of 6") {
		t.Errorf("ejected %v, notes %v", d.Ejected, d.Notes)
	}
	if d = decide(t, Eject(RoundRobin(), nil, DefaultConfig()), frame(0, well("a", "").down())); d.Weights[0] != 1 {
		t.Errorf("the only endpoint gets %v", d.Weights[0])
	}
}

// TestPanicPrefersNoneThatFails: a policy that likes what is down, because it
// looks idle, is not followed beyond an equal share.
func TestPanicPrefersNoneThatFails(t *testing.T) {
	likesTheFirst := policyFunc(func(d *Decision, f *frameOf) error {
		d.reset(f)
		d.Weights[0], d.Weights[4], d.Weights[5] = 0.9, 0.05, 0.05
		return nil
	})
	list := six()
	for i := range 4 {
		list[i] = list[i].down()
	}
	d := decide(t, Eject(likesTheFirst, nil, DefaultConfig()), frame(0, list...))
	if diff := cmp.Diff([]float64{1.0 / 3, 0, 0, 0, 1.0 / 3, 1.0 / 3}, []float64(d.Weights), approx); diff != "" {
		t.Error(diff)
	}
}

// TestPanicLeavesNoEjection: what failed with all the others did not fail alone,
// and serves as they do as soon as it is back.
func TestPanicLeavesNoEjection(t *testing.T) {
	dead := six()
	for i := range dead {
		dead[i] = dead[i].down()
	}
	all := run(t, Eject(RoundRobin(), nil, DefaultConfig()), append(times(3, dead), times(3, six())...)...)
	for k, d := range all {
		for i, w := range d.Weights {
			near(t, fmt.Sprintf("window %d: weight of %s", k, d.Endpoints[i].Name), w, 1.0/6, 1e-12)
		}
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

func TestLimit(t *testing.T) {
	target := 0.9
	p := Limit(policyFunc(func(d *Decision, f *frameOf) error {
		d.reset(f)
		d.Weights[0], d.Weights[1], d.Weights[2] = target, (1-target)/2, (1-target)/2
		return nil
	}), DefaultConfig())
	list := six()[:3]
	near(t, "first", decide(t, p, frame(0, list...)).Weights[0], 0.9, 1e-12) // not limited
	// Two others take 0.1 each from it; it takes 0.1 back.
	for k, step := range []struct{ target, want float64 }{{0.2, 0.7}, {0.2, 0.5}, {0.2, 0.3}, {0.2, 0.2}, {0.9, 0.3}, {0.9, 0.4}, {0.42, 0.42}} {
		target = step.target
		again := frame(k+1, list...)
		near(t, "step", decide(t, p, again).Weights[0], step.want, 1e-9)
		near(t, "the same window again", decide(t, p, again).Weights[0], step.want, 1e-9)
	}
}

// TestLimitLetsNewEndpointsIn: a service of which only one endpoint was seen at
// first is not sent there for longer than that.
func TestLimitLetsNewEndpointsIn(t *testing.T) {
	p := Limit(RoundRobin(), DefaultConfig())
	near(t, "alone", decide(t, p, frame(0, six()[2])).Weights[0], 1, 1e-12)
	for k := range 3 {
		for i, w := range decide(t, p, frame(k+1, six()...)).Weights {
			near(t, fmt.Sprintf("window %d: weight of c%d", k+1, i+1), w, 1.0/6, 1e-12)
		}
	}
}

func TestLimitGoesOnWhileMetricsAge(t *testing.T) {
	target := 1.0
	p := Limit(policyFunc(func(d *Decision, f *frameOf) error {
		d.reset(f)
		d.Weights[0], d.Weights[1] = target, 1-target
		return nil
	}), DefaultConfig())
	f := frame(0, six()[:2]...)
	decide(t, p, f)
	target = 0.5
	for _, want := range []float64{0.9, 0.8, 0.7} {
		f.Time = f.Time.Add(5 * time.Second)
		near(t, "weight", decide(t, p, f).Weights[0], want, 1e-9)
	}
}

// TestLimitProperty: away from ejections nothing rises by more than the step.
func TestLimitProperty(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	p := Limit(policyFunc(func(d *Decision, f *frameOf) error {
		d.reset(f)
		for i := range d.Weights {
			d.Weights[i] = math.Pow(r.Float64(), 6)
		}
		d.Weights.Normalize()
		d.Source = SourceModel
		return nil
	}), DefaultConfig())
	var before Decision
	for k := range 200 {
		d := decide(t, p, frame(k, six()...))
		for i := range d.Weights {
			if k > 0 && d.Weights[i]-before.Weights[i] > 0.1+1e-9 {
				t.Fatalf("window %d: from %v to %v", k, before.Weights, d.Weights)
			}
			if d.Weights[i] < 0.02/6-1e-9 {
				t.Fatalf("window %d: %v is below the floor", k, d.Weights[i])
			}
		}
		before = d.Clone()
	}
}

func TestLimitDoesNotSlowAnEjection(t *testing.T) {
	p := Limit(Eject(RoundRobin(), nil, DefaultConfig()), DefaultConfig())
	two := []seen{well("a", ""), well("b", "")}
	decide(t, p, frame(0, two...))
	two[0] = two[0].down()
	if d := decide(t, p, frame(1, two...)); d.Weights[0] != 0 || d.Weights[1] != 1 {
		t.Errorf("weights %v; want 0 and 1", d.Weights)
	}
}

// TestLimitDoesNotSlowWhatIsHeld: of two endpoints that fail one is ejected, and
// the other has next to nothing at once too.
func TestLimitDoesNotSlowWhatIsHeld(t *testing.T) {
	p := Limit(Eject(RoundRobin(), nil, DefaultConfig()), DefaultConfig())
	list := six()
	decide(t, p, frame(0, list...))
	list[1], list[4] = list[1].failing(1), list[4].failing(0.9)
	d := decide(t, p, frame(1, list...))
	if !d.Ejected[1] || !d.Held[4] || d.Weights[4] > 0.01 {
		t.Errorf("ejected %v, held %v, weights %v", d.Ejected, d.Held, d.Weights)
	}
	near(t, "weight of one that works", d.Weights[0], (1-d.Weights[4])/4, 1e-9)
}

func TestLimitsComeFromTheRules(t *testing.T) {
	set := ruleSet(t, "services: [{name: checkout, limits: {step: 0.3, max_ejection: 0.5}}]")
	cfg := DefaultConfig()
	cfg.Rules = set
	list := six()
	list[0], list[1], list[2] = list[0].down(), list[1].down(), list[2].down()
	d := decide(t, Eject(RoundRobin(), nil, cfg), frame(0, list...))
	if diff := cmp.Diff([]bool{true, true, true, false, false, false}, d.Ejected); diff != "" {
		t.Error(diff)
	}
	weights := [2]float64{1, 0}
	p := Limit(policyFunc(func(d *Decision, f *frameOf) error { d.reset(f); copy(d.Weights, weights[:]); return nil }), cfg)
	decide(t, p, frame(0, list[:2]...))
	weights = [2]float64{0, 1}
	near(t, "step of 0.3", decide(t, p, frame(1, list[:2]...)).Weights[0], 0.7, 1e-12)
}
