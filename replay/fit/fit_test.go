package fit

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// truth is a mesh whose parameters the fit has to find.
const truth = `
name: truth
duration: 20m
deadline: 1s
network: 2ms
arrivals: {process: bursty, rate: 90, burst: {factor: 2, share: 0.2, length: 10s}}
work: {distribution: exponential, mean: 30ms}
classes:
  - {name: light, share: 3, work: {distribution: truncated_normal, mean: 20ms}}
  - {name: heavy, share: 1, work: {distribution: lognormal, mean: 80ms, shape: 0.6}}
metrics: {scrape: 2s, delay: 2s, step: 5s, range: 10s}
endpoints:
  - {count: 2, workers: 4}
  - {count: 2, workers: 2, speed: 1.5}
  - {count: 2, workers: 3, speed: 0.6}
events:
  - {kind: slow, at: 300s, for: 60s, factor: 4, select: {index: [0]}}
  - {kind: crash, at: 400s, for: 30s, select: {index: [2]}}
  - {kind: errors, at: 500s, for: 60s, ratio: 0.3, select: {index: [3]}}
  - {kind: stall, at: 700s, for: 30s, select: {index: [1]}}
`

func recorded(t *testing.T, withLog bool) (*sim.Scenario, *datasets.Recording) {
	t.Helper()
	all, err := sim.Parse("truth.yaml", []byte(truth))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "truth")
	if _, err := sim.Record(t.Context(), all[0], 11, sim.Shares(11), dir); err != nil {
		t.Fatal(err)
	}
	if !withLog {
		if err := os.Remove(filepath.Join(dir, "requests.csv.gz")); err != nil {
			t.Fatal(err)
		}
	}
	r, err := datasets.Open(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return all[0], r
}

// TestFindsTheTruth: from a recording of a mesh that is known, with and without
// its request log.
func TestFindsTheTruth(t *testing.T) {
	for name, withLog := range map[string]bool{"with a log": true, "metrics alone": false} {
		t.Run(name, func(t *testing.T) {
			s, r := recorded(t, withLog)
			cfg := DefaultConfig()
			cfg.Runs = 3
			f, err := New(t.Context(), r, cfg)
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			if err := f.Write(&text); err != nil {
				t.Fatal(err)
			}
			t.Log("\n" + text.String())
			work := (3*0.020 + 0.080) / 4
			for e := range f.Endpoints {
				g := s.Groups[e/2]
				service := work / g.Speed.Values[0]
				near(t, "service of "+f.Endpoints[e].Name, f.Endpoints[e].Service.Value, service, 0.05)
				near(t, "capacity of "+f.Endpoints[e].Name, f.Endpoints[e].Capacity.Value, g.Workers/service, 0.1)
			}
			if withLog { // windows alone do not show bursts that are shorter
				if f.Report.Verdict != Fits {
					t.Errorf("%s: %q", f.Report.Verdict, f.Report.Why)
				}
				near(t, "network", f.Scenario.Network.Seconds(), 0.002, 0.1)
				for _, c := range f.Report.Classes {
					want := map[string]string{"light": sim.TruncatedNormal, "heavy": sim.Lognormal}[c.Name]
					if c.Distribution != want {
						t.Errorf("work of %s is %s; want %s", c.Name, c.Distribution, want)
					}
				}
			}
			for e, kind := range map[int]string{0: sim.Slow, 2: sim.Crash, 3: sim.Errors, 1: sim.Stall} {
				found := false
				for _, event := range f.Scenario.Events {
					found = found || event.Kind == kind && event.Select.Index[0] == e
				}
				if !found {
					t.Errorf("no %s of endpoint %d in %+v", kind, e, f.Scenario.Events)
				}
			}
		})
	}
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within*want) {
		t.Errorf("%s is %.4g; want %.4g ± %.0f %%", what, got, want, 100*within)
	}
}

// TestSaysWhenItDoesNotFit: a mesh that is twice as slow as the recorded one
// does not pass for it.
func TestSaysWhenItDoesNotFit(t *testing.T) {
	_, r := recorded(t, true)
	cfg := DefaultConfig()
	cfg.Runs = 2
	h, err := look(t.Context(), r, cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := readLog(r, h)
	if err != nil {
		t.Fatal(err)
	}
	f := &Fit{}
	if err := f.build(h, l, cfg); err != nil {
		t.Fatal(err)
	}
	for g := range f.Scenario.Groups {
		f.Scenario.Groups[g].Speed.Values[0] /= 2
	}
	if err := f.show(t.Context(), r, h, l, cfg); err != nil {
		t.Fatal(err)
	}
	if f.Report.Verdict != CannotTell || len(f.Report.Why) == 0 {
		t.Errorf("a mesh of half the speed: %s", f.Report.Verdict)
	}
}

// TestLab fits both services of a recording of real processes. Their endpoints
// have bounded queues and share two cores with everything else, so how well the
// fit is is told and not demanded; the workers are known.
func TestLab(t *testing.T) {
	if testing.Short() {
		t.Skip("half a million requests, several times")
	}
	r, err := datasets.Open(t.Context(), filepath.Join("..", "..", "datasets", "recordings", "lab-train"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, service := range r.Manifest.Services {
		cfg := DefaultConfig()
		cfg.Service, cfg.Runs = service, 2
		f, err := New(t.Context(), r, cfg)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := f.Write(&text); err != nil {
			t.Fatal(err)
		}
		t.Log("\n" + text.String())
		for _, e := range f.Endpoints {
			if !(e.Workers.Value >= 1 && e.Service.Value > 0.001 && e.Service.Value < 1) {
				t.Errorf("%s: %+v", e.Name, e)
			}
		}
		if f.Report.Verdict != Fits && len(f.Report.Why) == 0 {
			t.Errorf("%s: %s without a reason", service, f.Report.Verdict)
		}
	}
}
