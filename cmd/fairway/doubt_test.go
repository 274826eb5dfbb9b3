package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/train"
)

// shifting is a service that a model is trained on, and what it meets instead.
// None of it is a scenario that is built in.
const shifting = `name: home
warm_up: 20s
duration: 15m
proxies: {count: 2}
arrivals: {load: 0.4}
work: {mean: 40ms}
endpoints: [{count: 4, workers: 2}, {count: 2, workers: 2, speed: 0.6}]
variants:
  home: {}
  fast: {about: Ten times as many requests of a tenth of the work., work: {mean: 4ms}, duration: 5m}
  heavy: {about: Work with a heavy tail and a mean four times as high., work: {distribution: pareto, mean: 160ms, shape: 1.5, bound: 1000}, duration: 5m, deadline: 5s}
  slower: {about: Every endpoint is a tenth as fast., endpoints: [{count: 6, workers: 2, speed: 0.1}], duration: 5m, deadline: 5s}
  speeds: {about: Others are slow and more so., endpoints: [{count: 2, workers: 2, speed: 0.3}, {count: 4, workers: 2}], duration: 5m}
`

// stranger is a mesh that the model of home meets.
type stranger struct {
	scenario string
	seed     uint64
	tidy     func(w *mesh.Window) // what the metrics are made of it; nil: as they are
}

// milliseconds is what a schema makes whose author took milliseconds for seconds.
func milliseconds(w *mesh.Window) {
	w.Values = slices.Clone(w.Values)
	for i := range w.Endpoints {
		for column := range w.Schema.Series {
			if strings.HasPrefix(w.Schema.Series[column].Name, "latency_") {
				w.Row(i)[column] *= 1000
			}
		}
	}
}

// answered says in which part of the windows, of those after the warm-up, the
// gate would let the model of dir answer; and the first window that it would not.
func (s *stranger) answered(t *testing.T, dir string, m *model.Model, warmUp int) (part float64, first int, mean predict.Doubt) {
	t.Helper()
	_, recording, err := openFor(context.Background(), filepath.Join(dir, "home.model"), s.record(t, dir), "")
	if err != nil {
		t.Fatal(err)
	}
	defer recording.Close()
	p, err := predict.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	x, gate := features.New(m.FeatureConfig()), &predict.Gate{}
	windows, trusted, first := 0, 0, -1
	for w, err := range recording.Windows(context.Background(), m.Timing) {
		if err != nil {
			t.Fatal(err)
		}
		if s.tidy != nil {
			s.tidy(&w)
		}
		f, err := x.Push(w)
		if err != nil {
			t.Fatal(err)
		}
		if windows++; windows <= warmUp {
			continue
		}
		switch err := p.Trust(gate, f); {
		case err == nil:
			trusted++
		case first < 0:
			first = windows
			t.Logf("%s, window %d: %v", s.scenario, windows, err)
		}
		d, err := p.Doubt(f)
		if err != nil {
			t.Fatal(err)
		}
		n := float64(windows - warmUp)
		mean.Far += (d.Far - mean.Far) / n
		mean.Distance += (d.Distance - mean.Distance) / n
		mean.Scale += (d.Scale - mean.Scale) / n
		mean.Spread += (d.Spread - mean.Spread) / n
	}
	return float64(trusted) / float64(windows-warmUp), first, mean
}

func (s *stranger) record(t *testing.T, dir string) string {
	t.Helper()
	all, err := sim.Parse("shifting.yaml", []byte(shifting))
	if err != nil {
		t.Fatal(err)
	}
	k := slices.IndexFunc(all, func(c *sim.Scenario) bool { return c.Name == s.scenario })
	path := filepath.Join(dir, fmt.Sprintf("%s-%d-%v", s.scenario, s.seed, s.tidy != nil))
	if _, err := sim.Record(context.Background(), all[k], s.seed, sim.Shares(s.seed), path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGateDeclinesStrangers: a model of one service declines on others from the
// first windows on, and answers on its own.
func TestGateDeclinesStrangers(t *testing.T) {
	if underRace {
		t.Skip("it only compares figures")
	}
	dir := t.TempDir()
	var paths []string
	for seed := range uint64(2) {
		paths = append(paths, (&stranger{scenario: "home", seed: 1 + seed}).record(t, dir))
	}
	m, report, err := fit(context.Background(), io.Discard, trainOptions{recordings: paths, out: filepath.Join(dir, "home.model"), config: train.DefaultConfig(), cache: "off"})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("doubt: %v", m.Routing.Doubt)
	c := report.Routing.TestCoverage
	t.Logf("test: %+v %v", c.Answered, c.Declined)
	const warmUp = 3
	for _, s := range []struct {
		stranger
		least, most float64
	}{
		{stranger{"home", 11, nil}, 0.95, 1},
		{stranger{"home", 12, nil}, 0.95, 1},
		{stranger{"home", 13, nil}, 0.95, 1},
		{stranger{"fast", 14, nil}, 0, 0.5},
		{stranger{"heavy", 15, nil}, 0, 0.5},
		{stranger{"slower", 16, nil}, 0, 0.5},
		{stranger{"speeds", 17, nil}, 0, 1},
		{stranger{"home", 18, milliseconds}, 0, 0.5},
	} {
		part, declined, doubt := s.answered(t, dir, m, warmUp)
		t.Logf("%s, seed %d: answers in %.1f %% of the windows, declines first in window %d; mean doubt %.2f", s.scenario, s.seed, 100*part, declined, doubt)
		if !(part >= s.least && part <= s.most) || math.IsNaN(part) {
			t.Errorf("%s, seed %d: it answers in %.1f %% of the windows; want %g to %g %%", s.scenario, s.seed, 100*part, 100*s.least, 100*s.most)
		}
	}

	// Where it meets other speeds it answers, and is right to.
	text := mustCall(t, "model", "doubt", "--model", filepath.Join(dir, "home.model"), "--recording", filepath.Join(dir, "speeds-17-false"), "--cache", "off", "--json")
	var d doubts
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if a := d.Coverage.Answered; a.Decisions < 40 || !(a.Risk < a.Persistence) || !(a.Saved > 0) {
		t.Errorf("speeds: of what it answers: %+v; want a risk below persistence's, and requests to be cheaper", a)
	} else {
		t.Logf("speeds: of what it answers: %+v", a)
	}
	text = mustCall(t, "model", "doubt", "--model", filepath.Join(dir, "home.model"), "--recording", filepath.Join(dir, "fast-14-false"), "--cache", "off")
	for _, want := range []string{"the gate lets the model answer", "simulated: first declined in window", "risk of the part answered", "by hindsight"} {
		if !strings.Contains(text, want) {
			t.Errorf("model doubt does not say %q:\n%s", want, text)
		}
	}
}

func TestModelDoubtRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"needs --recording": {"--model", "x"},
		"needs --model":     {"--recording", "x"},
		"does not know":     {"--model", "x", "--recording", "x", "more"},
	} {
		if _, _, err := call(t, append([]string{"model", "doubt"}, args...)...); err == nil || !strings.Contains(err.Error(), want) || exitStatus(err) != 2 {
			t.Errorf("%q: %v; want %q", args, err, want)
		}
	}
	if _, _, err := call(t, "model", "doubt", "--model", filepath.Join(t.TempDir(), "none"), "--recording", "x"); err == nil {
		t.Error("no model, and no error")
	}
}
