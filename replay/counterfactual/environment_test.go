package counterfactual

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"
)

// small is a trial that takes a second.
func small() Config {
	cfg := DefaultConfig()
	cfg.Trajectories, cfg.Jobs = 4, 300
	return cfg
}

func newTrial(t *testing.T, cfg Config) *environment {
	t.Helper()
	env, err := newEnvironment(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestEnvironmentIsThePapers(t *testing.T) {
	cfg := small()
	cfg.Trajectories = 20
	env := newTrial(t, cfg)
	work, gaps, slow, n := 0.0, 0.0, 0.0, 0.0
	given := map[int]int{}
	for i := range env.trajectories {
		tr := &env.trajectories[i]
		given[tr.policy]++
		gaps += tr.arrivals[cfg.Jobs-1] / float64(cfg.Jobs-1)
		for _, size := range tr.sizes {
			work += size
			n++
		}
	}
	for _, s := range env.slow {
		if s < 0.2 || s > 5 {
			t.Errorf("a slowdown of %v; want 1/5 to 5", s)
		}
		slow += s / endpoints
	}
	if got := work / n * slow / endpoints / meanGap; math.Abs(got-load) > 1e-9 {
		t.Errorf("the load is %v; want %v", got, load)
	}
	if got := gaps / float64(len(env.trajectories)); math.Abs(got-meanGap) > 1 {
		t.Errorf("the mean gap is %v ms; want %v", got, meanGap)
	}
	for p := range cfg.Policies {
		if given[p] != cfg.Trajectories {
			t.Errorf("%s has %d trajectories; want %d", cfg.Policies[p], given[p], cfg.Trajectories)
		}
	}
	// A state lasts 12000 jobs: most neighbouring jobs are of one size ± half.
	alike := 0.0
	for _, tr := range env.trajectories {
		first, second := mean(tr.sizes[:cfg.Jobs/2]), mean(tr.sizes[cfg.Jobs/2:])
		if math.Abs(math.Log(first/second)) < 0.3 {
			alike++
		}
	}
	if alike < 0.85*float64(len(env.trajectories)) {
		t.Errorf("in %v of %d trajectories the sizes persist; want nearly all", alike, len(env.trajectories))
	}
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func TestTrialFollowsFromTheSeed(t *testing.T) {
	one, same := newTrial(t, small()), newTrial(t, small())
	if !reflect.DeepEqual(one, same) {
		t.Error("the same seed gave two trials")
	}
	cfg := small()
	cfg.Seed++
	if reflect.DeepEqual(one.slow, newTrial(t, cfg).slow) {
		t.Error("another seed gave the same slowdowns")
	}
}

func TestLatencyFollowsLindley(t *testing.T) {
	env := newTrial(t, small())
	for i := range env.trajectories[:8] {
		tr := &env.trajectories[i]
		var wait, last, took [endpoints]float64
		for j, e := range tr.endpoint {
			// W' = max(0, W + S − T)
			wait[e] = max(0, wait[e]+took[e]-(tr.arrivals[j]-last[e]))
			last[e], took[e] = tr.arrivals[j], tr.processing[j]
			if want := wait[e] + took[e]; math.Abs(tr.latency[j]-want) > 1e-6*want {
				t.Fatalf("trajectory %d, job %d: latency %v; Lindley's recursion gives %v", i, j, tr.latency[j], want)
			}
		}
	}
}

func TestPoliciesChoose(t *testing.T) {
	var q queues
	q.send(0, 0, 10)
	q.send(0, 0, 10)
	q.send(1, 0, 10)
	slow := []float64{0.1, 1, 1, 1, 1, 1, 1, 1}
	means := []float64{9, 9, 9, 1, 9, 9, 9, 9}
	for name, want := range map[string]int{
		"JSQ":           2, // the first of the idle ones
		"PseudoOptimal": 0, // 3 · 0.1
		"Tracker":       3, // 1 · 1
		"Random6":       6,
		"Random6#again": 6,
	} {
		p, err := policyNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.pick(&q, slow, means, stream(1, 1)); got != want {
			t.Errorf("%s chose endpoint %d; want %d", name, got, want)
		}
	}
	if q.advance(10.5); q.inFlight(0) != 1 || q.inFlight(1) != 0 {
		t.Errorf("after 10.5 ms %d and %d are in flight; want 1 and 0", q.inFlight(0), q.inFlight(1))
	}
	// The best of two draws with replacement is a busy one only if both are.
	pow2, busy := policy{kind: powerOf, draws: 2}, 0
	random := stream(1, 2)
	for range 8000 {
		if pow2.pick(&q, slow, means, random) == 0 {
			busy++
		}
	}
	if busy < 80 || busy > 180 { // 1/64
		t.Errorf("the best of two draws was the busiest endpoint in %d of 8000; want 125", busy)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Policies = []string{"Random", "Random", "Pow9", "Random8", "Maglev"}
	cfg.Trajectories, cfg.Jobs, cfg.Noise, cfg.ClassSpread = 0, 1, -1, 3
	_, err := LeaveOneOut(t.Context(), cfg)
	if err == nil {
		t.Fatal("nothing was found wrong")
	}
	for _, want := range []string{"stands twice", `"Random#2"`, `"Pow9" is unknown`, `"Random8"`, `"Maglev"`, "0 trajectories", "1 jobs", "noise", "class spread"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not speak of %s: %v", want, err)
		}
	}
}

func TestLeaveOneOutStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := LeaveOneOut(ctx, small()); err == nil {
		t.Error("went on although it was told to stop")
	}
}
