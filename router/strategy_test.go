package router

import (
	"slices"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

func strategy(t testing.TB, name string) Strategy {
	t.Helper()
	s, err := StrategyNamed(name, nil, nil, DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != name {
		t.Errorf("%s calls itself %s", name, s.Name)
	}
	return s
}

func TestStrategyNames(t *testing.T) {
	for name, want := range map[string][2]string{
		"power_of_two":                          {"", "power_of_two"},
		"prequal:q=0.6+outlier_ejection":        {"", "prequal:q=0.6+outlier_ejection"},
		"round_robin":                           {"", "round_robin"},
		"round_robin/weighted":                  {"round_robin", "weighted"},
		"pid:kp=0.1":                            {"pid:kp=0.1", "weighted"},
		"pid:kp=0.1+slow_start:window=30s":      {"pid:kp=0.1", "weighted+slow_start:window=30s"},
		"wrr_metrics":                           {"wrr_metrics", "weighted_round_robin"},
		"fairway/power_of_two+outlier_ejection": {"fairway", "power_of_two+outlier_ejection"},
		"board":                                 {"board", "board_power_of_two"},
		"board_own_power_of_two:proxies=3":      {"board", "board_own_power_of_two:proxies=3"},
		"board:capacity=1/board_own_power_of_two+slow_start": {"board:capacity=1", "board_own_power_of_two+slow_start"},
		"board_power_of_two+outlier_ejection":                {"board", "board_power_of_two+outlier_ejection"},
	} {
		if policy, picked := parts(name); policy != want[0] || picked != want[1] {
			t.Errorf("%s is %q and %q; want %q", name, policy, picked, want)
		}
		s := strategy(t, name)
		if s.Policy == nil != (want[0] == "") || s.Policy != nil && s.Policy.Name() != want[0] {
			t.Errorf("%s: policy %v", name, s.Policy)
		}
	}
	for name, want := range map[string]string{
		"magic":               `no strategy is called "magic"; use one of adaptive, board, board_own`,
		"":                    `no strategy is called ""`,
		"fairway/magic":       `no picker is called "magic"`,
		"magic/weighted":      `no strategy is called "magic"`,
		"pid+magic":           `no overlay is called "magic"`,
		"pid:kp=7":            "want a number from 0 to 2",
		"prequal:q=7":         "picker prequal: q is",
		"pid/":                `no picker is called ""`,
		"pid/weighted/random": "no picker",
	} {
		if _, err := StrategyNamed(name, nil, nil, DefaultConfig()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", name, err, want)
		}
	}
}

// TestEveryStrategy decides and picks, under each of its names, alone and with
// all overlays.
func TestEveryStrategy(t *testing.T) {
	for _, about := range Strategies() {
		if about.Mechanism == "" || about.Source == "" || about.Lives == "" || about.Fails == "" {
			t.Errorf("%s: %+v", about.Name, about)
		}
		for _, name := range []string{about.Name, about.Name + "+outlier_ejection+slow_start"} {
			s := strategy(t, name)
			weights, board := mesh.Weights{0.25, 0.25, 0.25, 0.25}, picker.Board{}
			if s.Policy != nil {
				list := rows(4)
				list[3] = list[3].down()
				d := decide(t, s.Policy, looking(0, list...))
				weights, board = d.Weights, d.Board
			}
			c := picker.Config{Endpoints: 4, Proxies: 2, Seed: 1, Truth: func(int) float64 { return 1 }}
			one, two := s.Picker(c), s.Picker(c)
			all := []picker.Picker{one, two}
			for c.Seed = range 8 { // some differ only in where they begin
				all = append(all, s.Picker(c))
			}
			for _, p := range all {
				p.Update(weights)
				if r, reads := p.(picker.BoardReader); reads {
					r.Board(board)
				}
			}
			differ := false
			for range 64 {
				var picks [10]int
				for k, p := range all {
					picks[k] = p.Pick(0, &mesh.Request{})
					if i := picks[k]; i == -1 || i >= 0 && weights[i] == 0 {
						t.Fatalf("%s: picked %d with weights %v", name, i, weights)
					}
				}
				if picks[0] != picks[1] {
					t.Fatalf("%s: equal seeds pick %v", name, picks)
				}
				for _, i := range picks {
					differ = differ || picks[0] != i
				}
			}
			if !differ && !strings.HasPrefix(name, "c3") && !strings.HasPrefix(name, "oracle") && !strings.HasPrefix(name, "prequal") {
				t.Errorf("%s: all seeds pick alike", name)
			}
		}
	}
}

func TestStrategiesNameEveryPolicyAndPicker(t *testing.T) {
	names := strategyNames()
	for _, name := range append(Names(), picker.Names()...) {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing", name)
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("names %q", names)
	}
}

func TestTuned(t *testing.T) {
	for _, c := range []struct {
		name   string
		values map[string]float64
		want   string
	}{
		{"pid", nil, "pid"},
		{"pid", map[string]float64{"kd": 0.5, "kp": 0.1}, "pid:kp=0.1:kd=0.5"},
		{"pid:ki=0.2/power_of_two+slow_start", map[string]float64{"kp": 0.1}, "pid:kp=0.1/power_of_two+slow_start"},
		{"wrr_metrics", map[string]float64{"blackout": 1.5}, "wrr_metrics:blackout=1.5s"},
		{"prequal+outlier_ejection", map[string]float64{"q": 0.6}, "prequal:q=0.6+outlier_ejection"},
		{"pid", map[string]float64{"kp": 9}, ""},
		{"pid", map[string]float64{"q": 0.6}, ""},
		{"magic", nil, ""},
	} {
		got, err := Tuned(c.name, c.values)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s with %v: %q, %v; want %q", c.name, c.values, got, err, c.want)
		}
		if err == nil {
			strategy(t, got)
		}
	}
}

// FuzzStrategyNamed: what makes a strategy makes a picker of several endpoints
// too; nothing panics.
func FuzzStrategyNamed(f *testing.F) {
	for _, name := range append(strategyNames(), "pid:kp=0.1/power_of_two+outlier_ejection:interval=5s+slow_start", "/", "+", ":", "board:/board_power_of_two+") {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		s, err := StrategyNamed(name, nil, nil, DefaultConfig())
		if err != nil {
			return
		}
		p := s.Picker(picker.Config{Endpoints: 3, Proxies: 2, Seed: 7, Truth: func(int) float64 { return 1 }})
		if i := p.Pick(0, &mesh.Request{}); i == -1 || i > 2 {
			t.Errorf("%s picks %d of 3", name, i)
		}
	})
}
