package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/replay/tune"
	"github.com/fairway-mesh/fairway/router"
)

// TestBenchRouting runs small scenarios with strategies that have neither a
// model nor anything to tune, so that neither makes another text: what it says
// is the same from call to call, and can be read.
func TestBenchRouting(t *testing.T) {
	if underRace {
		t.Skip("it only compares figures: replay/contest looks for races in what it runs")
	}
	const file = "testdata/routing.yaml#"
	names := []string{"even-small", "stale-small", "half-slow-small", "shift-small", "ramp-to-failure-small"}
	args := []string{"bench", "routing", "--scenario", file + strings.Join(names, ","+file), "--seeds", "3", "--tuned", "testdata/untuned.yaml",
		"--ours", "capacity/weighted_round_robin", "--native", "least_request", "--rivals", "least_latency,performance_aware"}
	out := mustCall(t, args...)
	if again := mustCall(t, args...); again != out {
		t.Error("two equal calls wrote different bytes")
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var f routingFigures
	d := json.NewDecoder(strings.NewReader(lines[len(lines)-1]))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%v: %s", err, lines[len(lines)-1])
	}
	if len(f.Scenarios) != len(names) || f.Seeds != 3 || f.Ours != "capacity/weighted_round_robin" || len(f.Tuned) != 3 || len(f.Claims) != 10 {
		t.Fatalf("figures are %+v", f)
	}
	for i, s := range f.Scenarios {
		if s.Name != names[i] {
			t.Errorf("scenario %d is %s", i, s.Name)
		}
		for _, d := range []*routingDuel{&s.Mean, &s.P99} {
			if !(d.Ours > 0 && d.Other > 0 && d.Ratio > 0 && d.Low <= d.Ratio && d.Ratio <= d.High) || !slices.Contains([]string{"least_latency", "performance_aware"}, d.Rival) || d.Result == "" {
				t.Errorf("%s: %+v", s.Name, d)
			}
		}
		if (s.Random != nil) != (i == 1) || (s.SplitTurns != nil && s.SplitDraws != nil) != (i == 2) || (s.Rules != nil) != (i == 3) || (s.NativeFailed != nil) != (i == 1 || i == 4) {
			t.Errorf("%s was compared with other things than its claims are about: %+v", s.Name, s)
		}
	}
	inFile(t, "bench-routing.txt", strings.Join(lines[:len(lines)-1], "\n")+"\n")
}

func TestBenchRoutingRefuses(t *testing.T) {
	for _, c := range []struct{ want, args string }{
		{"--seeds", "--seeds 1"},
		{"exclude", "--all --scenario basic"},
		{"use one of", "--scenario nothing"},
		{"no strategy", "--ours nothing"},
		{"no strategy", "--rivals nothing"},
		{"--rivals", "--ours="},
		{"no such file", "--tuned nothing.yaml"},
	} {
		_, _, err := call(t, append([]string{"bench", "routing", "--native", ""}, strings.Fields(c.args)...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || exitStatus(err) != 2 && c.want != "no such file" {
			t.Errorf("%s: %v; want %q and a wrong call", c.args, err, c.want)
		}
	}
}

// TestRoutingStrategies: whatever is compared with exists, and what runs by
// default is frozen scenarios.
func TestRoutingStrategies(t *testing.T) {
	if underRace {
		t.Skip("it only reads, in one goroutine")
	}
	for _, name := range append([]string{routingRandom, routingRules, routingProbes}, routingRivals...) {
		if _, err := router.StrategyNamed(tune.Bundled().Tuned(name), nil, nil, router.DefaultConfig()); err != nil {
			t.Error(err)
		}
	}
	for _, name := range routingSubset {
		if !slices.Contains(sim.Builtins(), name) {
			t.Errorf("there is no scenario %s", name)
		}
	}
	ninety, ramp, shift, static := 0, 0, 0, 0
	for _, name := range sim.Builtins() {
		s, err := sim.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		for n, is := range map[*int]bool{&ninety: atNinety(s), &ramp: ramps(s), &shift: shifts(s), &static: unequal(s)} {
			if is {
				*n++
			}
		}
	}
	if ninety < 17 || ramp != 2 || shift != 3 || static != 3 {
		t.Errorf("%d at a load of 90 %%, %d that ramp, %d that shift, %d of unequal endpoints", ninety, ramp, shift, static)
	}
}

// routingRow has the figures of one entry, seed by seed.
func routingRow(name string, mean, p99 []float64) contest.Row {
	failed := make([]float64, len(mean))
	return contest.Row{Strategy: name, BySeed: map[string][]float64{"mean": mean, "p99": p99, "failed": failed}}
}

// TestRoutingJudges: five scenarios, of which ours wins four clearly, and the
// fifth is lost by 10 %. The best rival is another in each figure.
func TestRoutingJudges(t *testing.T) {
	around := func(x float64) []float64 {
		var out []float64
		for i := range 10 {
			out = append(out, x*(1+0.3*math.Sin(float64(i)))*(1+0.004*math.Cos(float64(7*i)*x)))
		}
		return out
	}
	f := routingFigures{Seeds: 10, Level: routingLevel}
	for i, ratio := range []float64{0.8, 0.7, 0.9, 0.95, 1.1} {
		c := contest.Comparison{Scenario: string(rune('a' + i)), Rows: []contest.Row{
			routingRow(entryOurs, around(ratio), around(3*ratio)), routingRow("p", around(1), around(4)), routingRow("q", around(1.2), around(3)),
			routingRow(routingRandom, around(ratio/1.01), around(3*ratio)),
		}}
		f.Scenarios = append(f.Scenarios, *compareRouting(&c, []string{"p", "q"}))
	}
	f.judge()
	claims := map[string]routingClaim{}
	for _, c := range f.Claims {
		claims[c.Name] = c
	}
	if s := f.Scenarios[0]; s.Mean.Rival != "p" || s.P99.Rival != "q" || s.Mean.Result != routingWon || !s.P99.NonInferior {
		t.Errorf("the first scenario is %+v", s)
	}
	if s := f.Scenarios[4]; s.Mean.Result != routingLost || !s.Mean.Inferior || s.Mean.NonInferior {
		t.Errorf("the last scenario is %+v", s)
	}
	for name, want := range map[string]routingClaim{
		"better": {Holds: 4, Of: 5, Needs: 4, Met: true}, "better_significantly": {Holds: 4, Of: 5, Needs: 4, Met: true},
		"non_inferior": {Holds: 8, Of: 10, Needs: 10}, "not_inferior": {Holds: 8, Of: 10, Needs: 10}, "stale": {Holds: 10, Of: 10, Needs: 10, Met: true},
	} {
		if got := claims[name]; got.Holds != want.Holds || got.Of != want.Of || got.Needs != want.Needs || got.Met != want.Met || len(got.Lost) != got.Of-got.Holds {
			t.Errorf("%s is %+v; want %+v", name, got, want)
		}
	}
	if _, there := claims["native_p99"]; there || len(claims) != 5 {
		t.Errorf("claims about what was not run: %v", claims)
	}
}

// TestRoutingFailures: none against none is no more than half, some against
// none is.
func TestRoutingFailures(t *testing.T) {
	for _, c := range []struct {
		own, other float64
		holds      bool
	}{{0, 0, true}, {0.001, 0, false}, {0.001, 0.003, true}, {0.002, 0.003, false}} {
		d := duel(map[string]*contest.Row{
			"a": {BySeed: map[string][]float64{"failed": {c.own, c.own}}}, "b": {BySeed: map[string][]float64{"failed": {c.other, c.other}}},
		}, "failed", "a", "b")
		if holds := d.Ratio <= 0.5; holds != c.holds {
			t.Errorf("%v against %v: a ratio of %v", c.own, c.other, d.Ratio)
		}
	}
}

// TestBenchRoutingModel records meshes for both parts and hands them to train,
// with what follows --.
func TestBenchRoutingModel(t *testing.T) {
	dir := t.TempDir()
	_, _, err := call(t, "bench", "routing-model", "--training", "2", "--validation", "1", "--dir", filepath.Join(dir, "meshes"), "--out", filepath.Join(dir, "routing.model"),
		"--", "--network", "nothing")
	if err == nil || !strings.Contains(err.Error(), "nothing") || exitStatus(err) != 2 {
		t.Errorf("train says %v; want that there is no such network", err)
	}
	for _, name := range []string{"training/mesh-1000001", "validation/mesh-2000000"} {
		if r, err := datasets.Open(t.Context(), filepath.Join(dir, "meshes", name), ""); err != nil {
			t.Error(err)
		} else if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := call(t, "bench", "routing-model", "--training", "0", "--out", filepath.Join(dir, "x")); exitStatus(err) != 2 {
		t.Errorf("no mesh to train on gives %v", err)
	}
}

// TestShippedModel: it loads, and names the meshes it was made of, which are made
// from their seeds, and no place of the machine that made it.
func TestShippedModel(t *testing.T) {
	m, err := bundledModel(routingModelFile)
	if err != nil {
		t.Fatal(err)
	}
	if m.Routing == nil || len(m.Card.Recordings) < 100 {
		t.Fatalf("a routing network %v, of %d recordings", m.Routing != nil, len(m.Card.Recordings))
	}
	for _, r := range m.Card.Recordings {
		if !strings.HasPrefix(r.Path, "mesh-") {
			t.Errorf("it was trained on %s", r.Path)
		}
	}
}
