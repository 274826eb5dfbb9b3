package main

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestBenchNetwork runs the benchmark on little, without node: what it prints
// can be read, has every figure, and says what is missing.
func TestBenchNetwork(t *testing.T) {
	if underRace {
		t.Skip("it only measures: train and predict/kernel look for races in what it runs")
	}
	t.Setenv("PATH", t.TempDir())
	out, log, err := call(t, "bench", "network", "--scale", "0.01")
	if err != nil {
		t.Fatal(err, log)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	line := []byte(lines[len(lines)-1])
	var f networkFigures
	if err := json.Unmarshal(line, &f); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	var raw struct {
		Training map[string]map[string]*float64 `json:"training"`
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		t.Fatal(err)
	}
	for _, batch := range []string{"32", "256", "1024"} {
		g := f.Training[batch]
		for name, v := range map[string]float64{
			"ours": g.Ours, "naive": g.Naive, "hand": g.Hand, "hand on gonum": g.HandGonum,
			"vs naive": g.VsNaive, "vs hand": g.VsHand, "vs hand on gonum": g.VsHandGonum,
		} {
			if !(v > 0) {
				t.Errorf("batch %s: %s is %v in %s", batch, name, v, out)
			}
		}
		// What did not run is there, and null.
		keys := slices.Sorted(maps.Keys(raw.Training[batch]))
		want := []string{"hand_gonum_samples_per_s", "hand_samples_per_s", "naive_samples_per_s", "samples_per_s", "tfjs_samples_per_s", "vs_hand", "vs_hand_gonum", "vs_naive", "vs_tfjs"}
		if !slices.Equal(keys, want) {
			t.Errorf("batch %s has the figures %q; want %q", batch, keys, want)
		}
		if g.TFJS != nil || g.VsTFJS != nil {
			t.Errorf("batch %s: TensorFlow.js has figures without node: %s", batch, out)
		}
	}
	for _, rows := range []string{"1", "10", "100", "1000"} {
		if r := f.Inference.Rows[rows]; !(r.Ours > 0 && r.VsGemv > 0) {
			t.Errorf("no inference of %s rows in %s", rows, out)
		}
	}
	if !strings.Contains(f.TFJS, "not measured") || !strings.Contains(f.TFJS, "node") {
		t.Errorf("tfjs is %q; want the reason why it did not run", f.TFJS)
	}
	if _, _, err := call(t, "bench", "network", "--scale", "2"); exitStatus(err) != 2 {
		t.Errorf("a scale of 2 gives %v; want a wrong call", err)
	}
}

// TestBenchTFJS trains with TensorFlow.js where a run of the benchmark has
// installed it: a test fetches nothing.
func TestBenchTFJS(t *testing.T) {
	if _, err := os.Stat(tfjsFolder); err != nil {
		t.Skip("TensorFlow.js is not installed: run fairway bench network once")
	}
	tool(t, "node")
	js, err := startTFJS(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if rate, err := js.train(1024, 1); err != nil || !(rate > 0) {
		t.Errorf("%v samples/s, %v", rate, err)
	}
	if !strings.Contains(js.about, "wasm, 1 thread") {
		t.Errorf("it runs on %q", js.about)
	}
	if err := js.close(); err != nil {
		t.Error(err)
	}
}
