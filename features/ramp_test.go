package features_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// TestLatencyLimit: where the objective has none it comes from what is usual,
// and one endpoint that fails for long hardly moves it.
func TestLatencyLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	x := features.New(features.DefaultConfig())
	var f *features.Frame
	for k := range 300 {
		var all []seen
		for i := range 6 {
			e := healthy(50).but(mesh.LatencyP99, 0.060*math.Exp(0.05*r.NormFloat64()))
			if i == 0 && k > 100 {
				e = e.but(mesh.LatencyP99, 0.9)
			}
			all = append(all, e)
		}
		f = push(t, x, window(everything, k, all...))
	}
	if got := value(t, f, 0, "latency_limit_seconds"); math.Abs(got-0.18) > 0.02 {
		t.Errorf("the limit is %v s, want about 3 times 0.06", got)
	}
	if got := value(t, f, 0, "latency_to_limit"); math.Abs(got-math.Log(0.18/0.9)) > 0.15 {
		t.Errorf("what fails is %v from its limit", got)
	}
	if burn, slow := value(t, f, 0, "latency_burn_long"), value(t, f, 1, "peers_slow"); burn < 0.99 || math.Abs(slow-0.2) > 1e-6 {
		t.Errorf("latency burns %v, a part of %v of the peers is slow; want 1 and 0.2", burn, slow)
	}

	cfg := features.DefaultConfig()
	cfg.Objective.MaxLatency = 300 * time.Millisecond
	f = push(t, features.New(cfg), window(everything, 0, healthy(50)))
	if got := value(t, f, 0, "latency_limit_seconds"); math.Abs(got-0.3) > 1e-6 {
		t.Errorf("the configured limit is %v", got)
	}
	f = push(t, features.New(features.DefaultConfig()), window(everything, 0, healthy(50)))
	if got := value(t, f, 0, "latency_limit_seconds"); !math.IsNaN(got) {
		t.Errorf("one window tells a limit of %v", got)
	}
}

// TestLoadStepIsNoRamp: a step of the load lifts the latency by as much as a
// queue explains; a fault that lifts it as much is told from it.
func TestLoadStepIsNoRamp(t *testing.T) {
	climb := func(load bool) float64 {
		cfg := features.DefaultConfig()
		cfg.Horizon, cfg.Objective.MaxLatency = time.Minute, 100*time.Millisecond
		x := features.New(cfg)
		most := 0.0
		for k := range 120 {
			rate, slow := 40.0, 1/(1-0.4)
			if k >= 90 { // in six windows
				part := min(float64(k-89)/6, 1)
				slow = 1 / (1 - 0.4 - 0.4*part)
				if load {
					rate = 40 + 40*part
				}
			}
			e := healthy(rate)
			for _, s := range []string{mesh.LatencyMean, mesh.LatencyP50, mesh.LatencyP90, mesh.LatencyP99} {
				e[s] = 0.010 * slow
			}
			e[mesh.InFlight] = rate * e[mesh.LatencyMean]
			f := push(t, x, window(everything, k, e, e))
			if k >= 90 && k < 96 {
				most = max(most, value(t, f, 0, "mean_climb"))
			}
		}
		return most
	}
	step, ramp := climb(true), climb(false)
	if !(step < 0.1*ramp && ramp > 0.1) {
		t.Errorf("mean_climb is at most %v during a step of the load, %v during a ramp that nothing explains", step, ramp)
	}
}

// TestMemoryClimb: what leaks is told from its peers and its past.
func TestMemoryClimb(t *testing.T) {
	x := features.New(features.DefaultConfig())
	var f *features.Frame
	for k := range 80 {
		leak := 1e8 * (1 + max(0, float64(k-59))/20) // twice as much after 20 windows
		f = push(t, x, window(everything, k, healthy(50).but(mesh.Memory, leak), healthy(50), healthy(50)))
	}
	for column, want := range map[string]float64{"memory_vs_peers": math.Ln2, "memory_climbed": math.Ln2} {
		if got := value(t, f, 0, column); math.Abs(got-want) > 0.1 {
			t.Errorf("%s is %v, want %v", column, got, want)
		}
	}
	if got := value(t, f, 0, "memory_climbing"); math.Abs(got-math.Log(20)) > 0.3 {
		t.Errorf("it climbs for %v windows, want 19 or so", math.Expm1(got))
	}
	if got := value(t, f, 0, "crossing_memory"); got < 0.8 {
		t.Errorf("crossing_memory is %v", got)
	}
	if got := value(t, f, 1, "memory_climbing"); got != 0 {
		t.Errorf("the steady one climbs for %v windows", math.Expm1(got))
	}
}

// TestYoung: nobody is young because the recording is; who comes later is, and
// who starts again.
func TestYoung(t *testing.T) {
	x := features.New(features.DefaultConfig())
	var f *features.Frame
	for k := range 10 {
		f = push(t, x, window(everything, k, healthy(50), healthy(50)))
		if got := value(t, f, 0, "young"); got != 0 {
			t.Fatalf("window %d: young is %v though nobody saw it come", k, got)
		}
	}
	f = push(t, x, window(everything, 10, healthy(50), gone, healthy(50)))
	if got := value(t, f, 2, "young"); got < 0.8 {
		t.Errorf("who came is young to %v", got)
	}
	f = push(t, x, window(everything, 11, healthy(50), healthy(50), healthy(50)))
	if got := value(t, f, 1, "young"); got < 0.8 {
		t.Errorf("who started again is young to %v", got)
	}
	for k := range 60 {
		f = push(t, x, window(everything, 12+k, healthy(50), healthy(50), healthy(50)))
	}
	if got := value(t, f, 1, "young"); got > 0.01 {
		t.Errorf("after 60 windows it is young to %v", got)
	}
}
