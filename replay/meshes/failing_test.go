package meshes

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/sim"
)

var isRamp = map[string]bool{sim.MemoryRamp: true, sim.LatencyRamp: true, sim.ErrorRamp: true}

// TestFailingMeshesAreFrozen: whoever changes what is drawn makes figures that
// were published before incomparable, and must not do so to please a model.
func TestFailingMeshesAreFrozen(t *testing.T) {
	for first, want := range map[uint64]string{
		FailingTraining:   "507b6d7f80e4bdc412b410b7d7bc230a4cd8440ff1c1c13984565945e83bf6d6",
		FailingValidation: "243c6594ee368ef73bb8bbafef607f49fde11ec7aab91e3bb9db71708b1e4946",
		FailingTest:       "06b5640d658cc77b24b514c65d358656e21eb8a6643a0c0a3db9f1bfbca75f5c",
	} {
		sum := sha256.New()
		for k := range uint64(50) {
			text, err := json.Marshal(Failing(first + k))
			if err != nil {
				t.Fatal(err)
			}
			sum.Write(text)
		}
		if got := fmt.Sprintf("%x", sum.Sum(nil)); got != want {
			t.Errorf("the meshes from %d on have hash %s; want %s", first, got, want)
		}
	}
}

func TestFailingMeshesAreOfTheirSeed(t *testing.T) {
	if !reflect.DeepEqual(Failing(FailingTraining), Failing(FailingTraining)) {
		t.Error("one seed gives two meshes")
	}
	if a, b := Failing(FailingTraining), Failing(FailingTraining+1); a.Work == b.Work {
		t.Error("two seeds give one mesh")
	}
}

// TestFailingMeshes: they are valid, as large and as busy as they are meant to
// be, show all that there is, and healthy meshes are among them.
func TestFailingMeshes(t *testing.T) {
	seen := map[string]int{}
	for k := range uint64(400) {
		seed := FailingTraining + k
		s := Failing(seed)
		if err := s.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		windows := s.Duration / s.Metrics.Step
		if step := s.Metrics.Step; step < 5*time.Second || step > 15*time.Second || windows < 299 || windows > 600 {
			t.Errorf("seed %d: %d windows of %v", seed, windows, step)
		}
		if requests, _ := cost(s, seed); requests > mostFailingRequests {
			t.Errorf("seed %d: %.0f requests", seed, requests)
		}
		if n := s.Count(); n < 3 || n > 40 {
			t.Errorf("seed %d: %d endpoints", seed, n)
		}
		if s.Count() > 15 {
			seen["large"]++
		}
		failing := false
		for _, e := range s.Events {
			seen[e.Kind]++
			failing = failing || isRamp[e.Kind] && e.Recovers == 0
			if isRamp[e.Kind] && len(e.Select.Index) > 1 {
				seen["several at once"]++
			}
		}
		if !failing {
			seen["healthy"]++
		}
		seen[s.Arrivals.Process]++
		if len(s.Arrivals.Steps) > 0 {
			seen["steps"]++
		}
	}
	for _, want := range []string{
		sim.MemoryRamp, sim.LatencyRamp, sim.ErrorRamp, sim.Crash, sim.Lost, sim.Errors, sim.Slow, sim.Restart, sim.Stall, sim.Bursty,
		"large", "several at once", "healthy", "steps",
	} {
		if seen[want] < 8 {
			t.Errorf("of 400 meshes %d have %s", seen[want], want)
		}
	}
}

// TestHalfOfTheRampsRecover counts ramps, and holds the count to what a fair
// coin gives but once in some hundred thousand times.
func TestHalfOfTheRampsRecover(t *testing.T) {
	for _, first := range []uint64{FailingTraining, FailingValidation, FailingTest} {
		ramps, recover := 0, 0
		for k := range uint64(200) {
			for _, e := range Failing(first + k).Events {
				if isRamp[e.Kind] {
					ramps++
					recover += int(e.Recovers)
				}
			}
		}
		if deviation := math.Abs(float64(recover)-float64(ramps)/2) / math.Sqrt(float64(ramps)/4); ramps < 200 || deviation > 4.5 {
			t.Errorf("seeds from %d on: %d of %d ramps recover, %.1f deviations from half", first, recover, ramps, deviation)
		}
	}
}

// TestFailingIsRare: of an endpoint's windows, at most one in twenty shows a
// failure or comes within a minute's worth of windows before one.
func TestFailingIsRare(t *testing.T) {
	for _, first := range []uint64{FailingTraining, FailingValidation, FailingTest} {
		all, bad := 0.0, 0.0
		for k := range uint64(200) {
			s := Failing(first + k)
			all += float64(s.Count()) * s.Duration.Seconds() / s.Metrics.Step.Seconds()
			for _, e := range s.Events {
				if e.Kind == sim.Errors && e.Ratio <= 0.05 || e.Kind == sim.Slow && e.Factor < 2 || e.Kind == sim.Stall || e.Kind == sim.Restart || e.Recovers == 1 {
					continue
				}
				bad += float64(len(e.Select.Index)) * (e.For.Seconds()/s.Metrics.Step.Seconds() + 12)
			}
		}
		if ratio := bad / all; ratio > 0.05 || ratio < 0.005 {
			t.Errorf("seeds from %d on: %.1f %% of the windows fail or are about to; want 0.5 to 5 %%", first, 100*ratio)
		}
	}
}

// TestFailingMeshTellsTheTruth: what is recorded says of every ramp whether it
// fails, and when.
func TestFailingMeshTellsTheTruth(t *testing.T) {
	seed := uint64(FailingTest)
	for !slices.ContainsFunc(Failing(seed).Events, func(e sim.Event) bool { return isRamp[e.Kind] && e.Recovers == 0 }) {
		seed++
	}
	s := Failing(seed)
	dir := filepath.Join(t.TempDir(), "mesh")
	if _, err := sim.RecordMetrics(t.Context(), s, seed, FailingShares(s, seed), "a test", Part(seed), dir); err != nil {
		t.Fatal(err)
	}
	r, err := datasets.Open(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Manifest.Part != datasets.Test {
		t.Errorf("it is for %q", r.Manifest.Part)
	}
	count := map[string]int{}
	for _, f := range r.Faults {
		count[f.Class()]++
		switch f.Class() {
		case datasets.Ramp:
			if !f.Fails.After(f.Start) || f.Fails.After(f.End) {
				t.Errorf("%+v fails outside of its time", f)
			}
		case datasets.Recovered, datasets.Benign:
			if !f.Fails.IsZero() {
				t.Errorf("%+v does not fail", f)
			}
		}
	}
	for _, e := range s.Events {
		class := datasets.Benign
		switch {
		case isRamp[e.Kind] && e.Recovers == 1:
			class = datasets.Recovered
		case isRamp[e.Kind]:
			class = datasets.Ramp
		case e.Kind == sim.Crash || e.Kind == sim.Lost || e.Kind == sim.Errors && e.Ratio > 0.05 || e.Kind == sim.Slow && e.Factor >= 2:
			class = datasets.Sudden
		}
		n := len(e.Select.Index)
		if e.Select.All {
			n = s.Count()
		}
		count[class] -= n
	}
	for class, n := range count {
		if n != 0 {
			t.Errorf("%d more faults of class %s are noted than were drawn", n, class)
		}
	}
}
