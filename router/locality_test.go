package router

import (
	"fmt"
	"testing"
)

// placed decides on four endpoints in each of two zones, at a total rate; each
// can answer 100 requests/s, 10 ms each.
func placed(t *testing.T, p Policy, rate float64) Decision {
	t.Helper()
	var list []seen
	for i := range 8 {
		e := well(fmt.Sprintf("%c%d", "ab"[i/4], i%4), "")
		e.rate, e.mean = rate/8, 0.010/(1-rate/800)
		list = append(list, e)
	}
	f := frame(9, list...)
	for i := range f.Endpoints {
		f.Endpoints[i].Zone = f.Endpoints[i].Name[:1]
	}
	return decide(t, p, f)
}

func remote(d Decision) (sum float64) {
	for _, w := range d.Weights[4:] {
		sum += w
	}
	return sum
}

// TestLocality: the proxies' zone serves what it can at the least cost, the other
// one takes more with each step of the load, and never less than its floor; at
// the capacity of both there is next to no difference.
func TestLocality(t *testing.T) {
	cfg := DefaultConfig()
	cfg.WarmUp = 0
	cfg.Rules = ruleSet(t, "services: [{name: checkout, locality: {zone: a, remote: 20ms}}]")
	m := uncorrected(t)
	for name, p := range map[string]Policy{"queueing": Queueing(cfg), "learned": Learned(m, compiledModel(t, m), cfg)} {
		t.Run(name, func(t *testing.T) {
			last := 0.0
			for _, rate := range []float64{80, 160, 240, 320, 400, 480, 560, 640, 720, 780} {
				d := placed(t, p, rate)
				away := remote(d)
				t.Logf("%v of 800 requests/s: %.3f remote", rate, away)
				for i := range d.Weights { // endpoints of one zone are alike
					near(t, d.Endpoints[i].Name, d.Weights[i], d.Weights[i/4*4], 1e-9)
				}
				if away < last-1e-9 || away < 0.01-1e-9 || away > 0.5 {
					t.Errorf("%v requests/s: %v of them remote, after %v", rate, away, last)
				}
				if rate <= 160 && away > 0.011 {
					t.Errorf("%v requests/s: %v of them remote; the near zone is idle", rate, away)
				}
				if last = away; rate == 400 && (away < 0.05 || away > 0.45) {
					t.Errorf("at half of the capacity %v are remote; want some, not all", away)
				}
			}
			if last < 0.45 {
				t.Errorf("at 97 %% load %v are remote; the near zone drowns", last)
			}
		})
	}
}

// TestLocalityByDegrees: the dearer, the less, and without a cost nothing.
func TestLocalityByDegrees(t *testing.T) {
	last := 0.5
	for _, text := range []string{"", ", locality: {zone: b, remote: 1ns}", ", locality: {zone: a, remote: 1ms}", ", locality: {zone: a, zones: {b: 5ms}}", ", locality: {zone: a, remote: 80ms}"} {
		cfg := DefaultConfig()
		cfg.Rules = ruleSet(t, "services: [{name: checkout"+text+"}]")
		away := remote(placed(t, Queueing(cfg), 400))
		t.Logf("%q: %.4f", text, away)
		if away > last+1e-6 {
			t.Errorf("%q: %v are remote; cheaper ones had %v", text, away, last)
		}
		last = away
	}
}

// TestLocalityIsAPrice: one more request costs the near endpoints as much more,
// by the queue's own formula (M/M/1: a/(1 − x)²), as the far ones are away.
func TestLocalityIsAPrice(t *testing.T) {
	for _, cost := range []float64{0.010, 0.040, 0.080} {
		cfg := DefaultConfig()
		cfg.Rules = ruleSet(t, fmt.Sprintf("services: [{name: checkout, locality: {zone: a, remote: %vs}}]", cost))
		d := placed(t, Queueing(cfg), 400)
		next := func(x float64) float64 { return 0.010 / ((1 - x) * (1 - x)) }
		near(t, "price", next(4*d.Weights[0])-next(4*d.Weights[4]), cost, 0.1*cost)
	}
}

// TestLocalityKnowsZonesOfTheRules, where the metrics do not tell them.
func TestLocalityKnowsZonesOfTheRules(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Rules = ruleSet(t, `services: [{name: checkout, locality: {zone: x, remote: 50ms}, endpoints: [{name: c1, zone: x}, {name: c2, zone: y}]}]`)
	d := decide(t, Queueing(cfg), frame(9, six()[:2]...))
	if d.Weights[1] > 0.011 {
		t.Errorf("weights %v; want the floor on the remote one", d.Weights)
	}
}

// TestLocalityShiftsAtTheMargin: what a far endpoint costs more decides who gets
// the next request and nothing else. Where all are as far nothing changes, and
// what is foretold of an endpoint is what it does, not how far it is.
func TestLocalityShiftsAtTheMargin(t *testing.T) {
	decided := func(text string, rate float64) Decision {
		cfg := DefaultConfig()
		cfg.Rules = ruleSet(t, "services: [{name: checkout"+text+"}]")
		d := placed(t, Queueing(cfg), rate)
		return d.Clone()
	}
	for _, rate := range []float64{80, 400, 780} {
		plain := decided("", rate)
		same(t, "weights where all are as far", decided(", locality: {zone: z, remote: 50ms}", rate).Weights, plain.Weights...)
		far := decided(", locality: {zone: a, remote: 20ms}", rate)
		for i := range far.Weights {
			want := 0.010 / (1 - rate*far.Weights[i]/100)
			if foretold := far.Predictions[i].Mean; rate == 400 {
				near(t, "the mean foretold of "+far.Endpoints[i].Name, foretold, want, 0.1*want)
			}
		}
	}
	// A request less to the near zone costs it less than the way is long, while
	// the far one does nothing.
	if d := decided(", locality: {zone: a, remote: 20ms}", 80); remote(d) > 0.011 {
		t.Errorf("with idle endpoints near by %v are remote", remote(d))
	}
}
