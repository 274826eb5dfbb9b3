package meshes

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
)

// TestMeshesAreValidAndBroad: every seed gives a mesh that can be run, at a cost
// that is known, and between them they show everything that a scenario may say.
func TestMeshesAreValidAndBroad(t *testing.T) {
	seen := map[string]int{}
	for k := range uint64(600) {
		seed := Training + k
		s := Recorded(seed)
		if err := s.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if requests, scrapes := cost(s, seed); requests > mostRequests || scrapes > mostScrapes || s.Duration < 70*s.Metrics.Step {
			t.Errorf("seed %d: %.0f requests, %.0f scrapes, %v of steps of %v", seed, requests, scrapes, s.Duration, s.Metrics.Step)
		}
		seen[s.Work.Distribution]++
		seen[s.Arrivals.Process]++
		for _, g := range s.Groups {
			seen[g.Discipline]++
			seen["zone "+g.Zone]++
			if g.Speed.Spread > 0 {
				seen["spread"]++
			}
		}
		for _, a := range s.Antagonists {
			seen[a.Kind]++
		}
		for _, e := range s.Events {
			seen[e.Kind]++
		}
		if s.Decisions.Down != (sim.Span{}) {
			seen["down"]++
		}
		if s.Decisions.Stale != (sim.Span{}) {
			seen["stale"]++
		}
		if n := s.Count(); n < 3 || n > 100 {
			t.Errorf("seed %d: %d endpoints", seed, n)
		}
	}
	for _, want := range []string{
		sim.Exponential, sim.Lognormal, sim.TruncatedNormal, sim.Pareto, sim.Constant, sim.Poisson, sim.Uniform, sim.Bursty, sim.FIFO, sim.Sharing, "zone b", "spread",
		sim.Fluctuating, sim.Tenants, sim.Slow, sim.Fixed, sim.Stall, sim.Crash, sim.Lost, sim.Errors, sim.SinkHole, sim.Leak, sim.Saturation, sim.Restart, "down", "stale",
	} {
		if seen[want] == 0 {
			t.Errorf("of 600 meshes none has %s", want)
		}
	}
}

func TestMeshesAreOfTheirSeed(t *testing.T) {
	if !reflect.DeepEqual(Scenario(Tuning), Scenario(Tuning)) {
		t.Error("one seed gives two meshes")
	}
	if a, b := Scenario(Tuning), Scenario(Tuning+1); a.Work == b.Work && a.Arrivals.Load == b.Arrivals.Load {
		t.Error("two seeds give one mesh")
	}
}

// TestMeshesAreNoScenario: what is judged by is in no way learned from. No mesh
// shares a seed with a scenario, nor the work, the load, the deadline or the
// metrics, and so none can be one under another name.
func TestMeshesAreNoScenario(t *testing.T) {
	var builtins []*sim.Scenario
	for _, name := range sim.Builtins() {
		s, err := sim.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		builtins = append(builtins, s)
	}
	for _, first := range []uint64{Training, Validation, Tuning} {
		for k := range uint64(300) {
			m := Scenario(first + k)
			for _, s := range builtins {
				if first <= uint64(s.Seeds) {
					t.Errorf("%s is run with seeds that meshes have", s.Name)
				}
				same := 0
				for _, equal := range []bool{
					m.Name == s.Name, m.Work.Mean == s.Work.Mean, m.Arrivals.Load == s.Arrivals.Load, m.Network == s.Network,
					m.Metrics.Scrape == s.Metrics.Scrape, m.Deadline == s.Deadline, m.Duration == s.Duration,
				} {
					if equal {
						same++
					}
				}
				if same > 1 {
					t.Errorf("mesh %d has %d numbers of %s", first+k, same, s.Name)
				}
			}
		}
	}
}

func TestPartsAreDisjoint(t *testing.T) {
	for seed, want := range map[uint64]datasets.Part{
		1: datasets.None, Training - 1: datasets.None, Training: datasets.Train, Training + Seeds - 1: datasets.Train,
		Validation: datasets.Validation, Validation + Seeds - 1: datasets.Validation, Tuning: datasets.None, Tuning + Seeds - 1: datasets.None,
		FailingTraining: datasets.Train, FailingValidation: datasets.Validation, FailingTest: datasets.Test, FailingTest + Seeds: datasets.None,
	} {
		if got := Part(seed); got != want {
			t.Errorf("seed %d is for %q; want %q", seed, got, want)
		}
	}
}

// TestRecordedMesh: a recorded mesh can be read with the timing of its slow
// loop, and its shares differ from window to window.
func TestRecordedMesh(t *testing.T) {
	const seed = Training + 3
	s := Recorded(seed)
	dir := filepath.Join(t.TempDir(), "mesh")
	if _, err := sim.RecordMetrics(t.Context(), s, seed, Shares(s, seed), "a test", Part(seed), dir); err != nil {
		t.Fatal(err)
	}
	r, err := datasets.Open(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	timing := r.Timing(0, 0)
	if timing.Step != s.Metrics.Step || timing.Range != s.Metrics.Range || timing.Delay != s.Metrics.Delay || timing.Horizon != 12*s.Metrics.Step {
		t.Errorf("the timing is %+v; the mesh has %+v", timing, s.Metrics)
	}
	if r.Manifest.Part != datasets.Train || r.Manifest.DeadlineS != s.Deadline.Seconds() {
		t.Errorf("the manifest is %+v", r.Manifest)
	}
	windows, differ := 0, 0
	last := 0.0
	for w, err := range r.Windows(t.Context(), timing) {
		if err != nil {
			t.Fatal(err)
		}
		rate, all := w.Values[w.Schema.Index("request_rate")], 0.0
		for i := range w.Endpoints {
			all += w.Values[i*len(w.Schema.Series)+w.Schema.Index("request_rate")]
		}
		if share := rate / all; share < 0.95*last || share > 1.05*last {
			differ++
			last = share
		}
		windows++
	}
	if windows < 60 || differ < windows/8 {
		t.Errorf("%d windows, in %d of which the share of the first endpoint changed", windows, differ)
	}
}

// TestSharesKeepOff: shares that are drawn do not depend on what is seen.
func TestSharesKeepOff(t *testing.T) {
	const seed = Training + 5
	run := func(change func(*sim.Scenario)) [][]float64 {
		s := Recorded(seed)
		s.Events, s.Decisions, s.Antagonists = nil, sim.Decisions{}, nil
		change(s)
		r, err := sim.Run(t.Context(), s, seed, router.Strategy(Shares(s, seed)))
		if err != nil {
			t.Fatal(err)
		}
		var out [][]float64
		for _, slot := range r.Slots {
			out = append(out, slot.Weights)
		}
		return out
	}
	a := run(func(*sim.Scenario) {})
	b := run(func(s *sim.Scenario) { s.Arrivals.Load *= 0.7 })
	if !reflect.DeepEqual(a, b) {
		t.Error("at another load the shares are others")
	}
}
