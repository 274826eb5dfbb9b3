package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/replay/finding"
)

// TestBenchForecast judges baselines that know nothing but windows, so that no
// model makes another text, on meshes enough to fill every part of it.
func TestBenchForecast(t *testing.T) {
	if underRace {
		t.Skip("it only compares figures: replay/foresight looks for races in what it runs")
	}
	page := filepath.Join(t.TempDir(), "page.html")
	args := []string{"bench", "forecast", "--model", "none", "--lab", "", "--baselines", "predict_linear,static threshold,random", "--meshes", "3", "--calibration", "3", "--resamples", "200"}
	out := mustCall(t, append(args, "--html", page)...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var f forecastFigures
	d := json.NewDecoder(strings.NewReader(lines[len(lines)-1]))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%v: %s", err, lines[len(lines)-1])
	}
	for name, v := range map[string]finding.Number{"nab_standard": f.NABStandard, "smd_auc_pr": f.SMD, "nezha_top1": f.NezhaTop1, "cover80": f.Cover, "ns": f.Cost} {
		if !math.IsNaN(float64(v)) {
			t.Errorf("%s was not measured and is %v", name, v)
		}
	}
	if !(f.Drain > 0 && f.Recall >= 0 && f.Precision >= 0 && f.Precision < 1 && f.Skill < 0.5) {
		t.Errorf("figures are %+v", f)
	}
	inFile(t, "bench-forecast.txt", strings.Join(lines[:len(lines)-1], "\n")+"\n")
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"predict_linear", "What was forecast, and what came", "bench forecast --model none"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestBenchForecastRefuses(t *testing.T) {
	for _, c := range []struct {
		want  string
		wrong bool
		args  []string
	}{
		{"--meshes", true, []string{"--meshes", "-1"}},
		{"nothing to judge by", true, []string{"--meshes", "0", "--lab", ""}},
		{"--baselines", true, []string{"--baselines", "nobody"}},
		{"no such file", false, []string{"--model", "nothing.model"}},
		{"--lab", false, []string{"--model", "none", "--meshes", "0", "--lab", "nowhere"}},
	} {
		_, _, err := call(t, append([]string{"bench", "forecast", "--calibration", "0"}, c.args...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || c.wrong != (exitStatus(err) == 2) {
			t.Errorf("%v: %v; want %q", c.args, err, c.want)
		}
	}
}

// TestBundledForecast: what ships can be judged.
func TestBundledForecast(t *testing.T) {
	for _, name := range []string{forecastModelFile, logisticModelFile} {
		if m, err := bundledModel(name); err != nil || m.Failure == nil {
			t.Errorf("%s: %v, or it holds no forecast", name, err)
		}
	}
}
