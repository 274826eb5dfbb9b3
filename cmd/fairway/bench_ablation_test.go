package main

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// fewModels are models of each kind that hardly learned anything.
func fewModels(t *testing.T) (directory string) {
	t.Helper()
	recording, directory := simulated(t, "swift", "12m"), t.TempDir()
	for _, kind := range model.Kinds() {
		mustCall(t, "train", "--recording", recording, "--out", filepath.Join(directory, string(kind)+modelEnd), "--network", string(kind), "--epochs", "1", "--cache", "off")
	}
	return directory
}

// TestBenchAblation: everything takes part where it fits, and the last line can
// be read and is the same from call to call.
func TestBenchAblation(t *testing.T) {
	const file = "testdata/routing.yaml#"
	args := []string{"bench", "ablation", "--models", fewModels(t), "--recordings", "", "--costs=false",
		"--scenario", file + "even-small," + file + "half-slow-small", "--pickers", turns + "," + draws}
	out := mustCall(t, args...)
	if again := mustCall(t, args...); again != out {
		t.Error("two equal calls wrote different bytes")
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var f ablationFigures
	d := json.NewDecoder(strings.NewReader(lines[len(lines)-1]))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%v: %s", err, lines[len(lines)-1])
	}
	if len(f.Pickers) != 2 || f.Pickers[0].Picker != turns || f.Pickers[1].Picker != draws {
		t.Fatalf("pickers are %+v", f.Pickers)
	}
	for _, p := range f.Pickers {
		if n := len(contestants); len(p.Rows) != n || len(p.Duels) != n*(n-1)/2 || len(p.Scenarios) != 2 {
			t.Fatalf("%s: %d rows, %d duels, %d scenarios", p.Picker, len(p.Rows), len(p.Duels), len(p.Scenarios))
		}
		for i, r := range p.Rows {
			scenarios := 2
			if r.Name == "fixed5" {
				scenarios = 1
			}
			if r.Name != contestants[i].name || r.Scenarios != scenarios || !(r.Mean.Value > 0 && r.P99.Value > 0) {
				t.Errorf("%s: %+v", p.Picker, r)
			}
			if r.Name == f.Reference && (r.Mean.Value != 1 || r.Mean.Low != 1 || r.P99.High != 1) {
				t.Errorf("the reference is not itself: %+v", r)
			}
		}
		if !strings.Contains(out, "picked by `"+p.Picker+"`") {
			t.Errorf("no table of %s", p.Picker)
		}
	}
}

// TestBenchAblationLeavesOut names what there was no time for.
func TestBenchAblationLeavesOut(t *testing.T) {
	const file = "testdata/routing.yaml#"
	out := mustCall(t, "bench", "ablation", "--models", fewModels(t), "--recordings", "", "--costs=false", "--budget", "1ns", "--pickers", turns, "--scenario", file+"even-small")
	if !strings.Contains(out, "want of time: "+file+"even-small.") {
		t.Error(out)
	}
}

func TestBenchAblationRefuses(t *testing.T) {
	for _, c := range []struct{ want, args string }{
		{"--models", ""},
		{"--seeds", "--models x --seeds 0"},
		{"use one of", "--models x --scenario nothing"},
		{"picker", "--models x --pickers nothing"},
		{"--pickers", "--models x --pickers="},
		{"--reference", "--models x --reference nothing"},
		{"--epochs", "--models x --epochs 0"},
	} {
		if _, _, err := call(t, append([]string{"bench", "ablation"}, strings.Fields(c.args)...)...); err == nil || !strings.Contains(err.Error(), c.want) || exitStatus(err) != 2 {
			t.Errorf("%s: %v; want %q and a wrong call", c.args, err, c.want)
		}
	}
}

// TestContestantsAreMade: each decides, and takes nothing from the model of the
// others.
func TestContestantsAreMade(t *testing.T) {
	directory, models := fewModels(t), ablationModels{}
	for _, kind := range model.Kinds() {
		var err error
		if models[string(kind)], err = model.Load(filepath.Join(directory, string(kind)+modelEnd)); err != nil {
			t.Fatal(err)
		}
	}
	outcome := models[string(model.Outcome)].Routing
	members, doubt := len(outcome.Members), outcome.Doubt
	if members == 0 || doubt == nil {
		t.Fatal("the model has neither an ensemble nor doubt: nothing to take out")
	}
	small, err := sim.Load("testdata/routing.yaml#even-small")
	if err != nil {
		t.Fatal(err)
	}
	b := &ablationBench{o: ablationOptions{seed: 1}, models: models}
	for i := range contestants {
		c := &contestants[i]
		p, err := c.made(models)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if _, says := p.(featured); says != (c.model != "") {
			t.Errorf("%s: says how its frames are made: %v", c.name, says)
		}
		if ns, err := b.cost(t.Context(), c, small); err != nil || !(ns > 0) {
			t.Errorf("%s: a decision takes %v ns, %v", c.name, ns, err)
		}
	}
	if len(outcome.Members) != members || outcome.Doubt != doubt {
		t.Error("taking parts out has changed the model of the others")
	}
}

// compared is a scenario in which each has a latency, around which two seeds
// are; the part that fails is a tenth of it.
func compared(name string, latency map[string]float64) *contest.Comparison {
	c := &contest.Comparison{Scenario: name}
	for _, n := range ablationNames() {
		if x, there := latency[n]; there {
			c.Rows = append(c.Rows, contest.Row{Strategy: n, BySeed: map[string][]float64{
				"mean": {x, x * 1.0001}, "p99": {4 * x, 4 * x}, "failed": {x / 10, x / 10},
			}})
		}
	}
	return c
}

// TestAblationJudges: fairway has 0.8 of capacity's latency, a little more or
// less, in all of twelve scenarios; softmax now more and now less, and fixed5 was
// in one alone.
func TestAblationJudges(t *testing.T) {
	p := ablationPart{}
	for i := range 12 {
		base := float64(i + 1)
		latency := map[string]float64{"capacity": base, "fairway": base * (0.8 + 0.01*float64(i%2)), "softmax": base * math.Pow(2, float64(i%2*2-1))}
		if i == 3 {
			latency["fixed5"] = base
		}
		p.add(compared(fmt.Sprint(i), latency))
	}
	p.judge("capacity", 0.95)
	rows := map[string]ablationRow{}
	for _, r := range p.Rows {
		rows[r.Name] = r
	}
	if len(rows) != 4 || rows["fixed5"].Scenarios != 1 || !math.IsNaN(float64(rows["fixed5"].Mean.Low)) {
		t.Errorf("rows are %+v", p.Rows)
	}
	if r := rows["fairway"]; math.Abs(float64(r.Mean.Value)-0.805) > 0.001 || !(r.Mean.Low > 0.79 && r.Mean.High < 0.82 && r.Mean.Low < r.Mean.High) || math.Abs(float64(r.Failed.Value)-0.805) > 0.002 {
		t.Errorf("fairway over capacity: %+v", r)
	}
	if r := rows["softmax"]; math.Abs(float64(r.Mean.Value)-1) > 1e-3 || !(r.Mean.Low < 0.8 && r.Mean.High > 1.2) {
		t.Errorf("softmax over capacity: %+v", r)
	}
	duels := map[string]ablationDuel{}
	for _, d := range p.Duels {
		duels[d.Row+" "+d.Column] = d
	}
	if d := duels["fairway capacity"]; d.Of != 12 || d.Lower != 12 || d.Higher != 0 || d.Won != 12 || d.Lost != 0 || d.P > 1e-6 {
		t.Errorf("fairway against capacity: %+v", d)
	}
	if d := duels["softmax capacity"]; d.Lower != 6 || d.Higher != 6 || d.Won != 6 || d.Lost != 6 || d.P < 0.9 {
		t.Errorf("softmax against capacity: %+v", d)
	}
	if d := duels["fairway fixed5"]; d.Of != 1 || !math.IsNaN(float64(d.P)) {
		t.Errorf("fairway against fixed5: %+v", d)
	}
	text := &strings.Builder{}
	p.writeDuels(text, 0.95)
	for _, want := range []string{"| 1 | fairway |  | 6 | 1 of 1 | **12** |", "| 4 | capacity | 0 | 6 | 0 of 1 |  |"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
