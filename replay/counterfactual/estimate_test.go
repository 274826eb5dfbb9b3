package counterfactual

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func clustersOf(env *environment) []*cluster {
	var out []*cluster
	for i := range env.trajectories {
		out = append(out, clusterOf(&env.trajectories[i].record))
	}
	return out
}

// TestOwnPolicyGivesBackTheLog: simulated under the policy that ran it, a
// trajectory is what was logged.
func TestOwnPolicyGivesBackTheLog(t *testing.T) {
	env := newTrial(t, small())
	flat := &estimate{slowness: make([]float64, endpoints)} // any slowness divides out
	flat.slowness[3] = 1
	run := newRun(env)
	for i := range env.trajectories {
		tr := &env.trajectories[i]
		for name, takes := range map[string]processing{"plain": plain(&tr.record), "ours": flat.takes(&tr.record)} {
			run.trajectory(tr.policy, tr, takes)
			if d := distance(run.latency, tr.latency); d > 1e-9 {
				t.Fatalf("%s: trajectory %d under its own policy is off by %v", name, i, d)
			}
		}
	}
}

// TestEvenWorkTellsSlownessExactly: where work does not vary, one comparison
// is enough.
func TestEvenWorkTellsSlownessExactly(t *testing.T) {
	env := newTrial(t, small())
	for i := range env.trajectories {
		tr := &env.trajectories[i]
		for j, e := range tr.endpoint {
			tr.processing[j] = 7 * env.slow[e]
		}
	}
	for _, instrumentOnly := range []bool{false, true} {
		e, err := solve(clustersOf(env), endpoints, instrumentOnly)
		if err != nil {
			t.Fatal(err)
		}
		if worst, _ := env.slownessError(e); worst > 1e-9 {
			t.Errorf("instrument only %v: a log slowness is off by %v", instrumentOnly, worst)
		}
	}
}

// TestChoiceThatFollowsTheLoadDoesNotBias is the confounder of the trial made
// strong: the level of the work drifts, and the second endpoint is chosen when
// earlier work has made the queue long. The means of the endpoints' processing
// times then differ although the endpoints do not.
func TestChoiceThatFollowsTheLoadDoesNotBias(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var clusters []*cluster
	var means, counts [2]float64
	for range 100 {
		var jobs []job
		level, queue := random.NormFloat64(), 0.0
		for range 1000 {
			if random.Float64() < 0.002 {
				level = random.NormFloat64()
			}
			e := 0
			if queue > 3*random.Float64() {
				e = 1
			}
			y := level + 0.5*random.NormFloat64()
			queue = max(0, 0.8*queue+y)
			jobs = append(jobs, job{e, y})
			means[e] += y
			counts[e]++
		}
		clusters = append(clusters, newCluster(0, 2, jobs))
	}
	naive := means[1]/counts[1] - means[0]/counts[0]
	e, err := within(clusters, 2)
	if err != nil {
		t.Fatal(err)
	}
	ours := e.slowness[1] - e.slowness[0]
	if naive < 0.5 || math.Abs(ours) > 0.1*naive {
		t.Errorf("the endpoints are alike; the means differ by %.3f, ours by %.3f ± %.3f; want ours below a tenth", naive, ours, 2*e.standardError(0))
	}
}

// TestStandardErrorsCover: over many trials the errors are as large as claimed.
func TestStandardErrorsCover(t *testing.T) {
	for _, instrumentOnly := range []bool{false, true} {
		cfg := DefaultConfig()
		cfg.Trajectories, cfg.Jobs = 6, 200
		if instrumentOnly {
			cfg.Trajectories, cfg.Jobs = 100, 50
		}
		squares, n, beyond := 0.0, 0.0, 0.0
		for seed := range 12 {
			cfg.Seed = uint64(seed + 100)
			env := newTrial(t, cfg)
			var e *estimate
			var err error
			if instrumentOnly {
				e, err = across(clustersOf(env), endpoints, false)
			} else {
				e, err = within(clustersOf(env), endpoints)
			}
			if errors.Is(err, ErrNotIdentified) {
				continue
			}
			level := 0.0
			for _, s := range env.slow {
				level += math.Log(s) / endpoints
			}
			for i, s := range env.slow {
				z := (e.slowness[i] - math.Log(s) + level) / e.standardError(i)
				squares += z * z
				n++
				if math.Abs(z) > 3 {
					beyond++
				}
			}
		}
		t.Logf("instrument only %v: mean z² %.2f, %v of %v beyond three standard errors", instrumentOnly, squares/n, beyond, n)
		if n < 8 || squares/n > 2 || squares/n < 0.4 || beyond > 0.05*n {
			t.Errorf("instrument only %v: mean z² of %v errors is %.2f; want about 1", instrumentOnly, n, squares/n)
		}
	}
}

func TestWhatIsNotIdentifiedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		policies       []string
		instrumentOnly bool
		want           string
	}{
		"endpoints never chosen":         {[]string{"Random34", "Random45", "Random12", "Random03"}, false, "never chosen"},
		"one endpoint each, too few":     {[]string{"Random0", "Random1", "Random2", "Random3"}, false, "never chosen"},
		"two halves that never compare":  {[]string{"Random0123", "Random4567", "Random0123#2", "Random4567#2"}, false, "groups cannot tell"},
		"equal shares, instrument only":  {alike(16), true, "first-stage F"},
		"too few policies":               {[]string{"Random", "JSQ", "Pow2", "PseudoOptimal"}, true, "3 groups cannot tell 8 endpoints apart"},
		"all shares alike, many of them": {alike(30), true, "first-stage F"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := small()
			cfg.Trajectories, cfg.Policies, cfg.InstrumentOnly = 8, c.policies, c.instrumentOnly
			r, err := LeaveOneOut(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if r.Refused != len(cfg.Policies) {
				t.Errorf("%d of %d were refused; want all", r.Refused, len(cfg.Policies))
			}
			for _, p := range r.Policies {
				if !strings.Contains(p.Refused, c.want) || p.Processing != nil {
					t.Errorf("%s: refused with %q and figures %v; want %q and none", p.Policy, p.Refused, p.Processing, c.want)
				}
			}
			if _, err := json.Marshal(r); err != nil {
				t.Errorf("the report cannot be written: %v", err)
			}
		})
	}
	// The same equal shares are enough where choices may be compared.
	cfg := small()
	cfg.Policies = alike(4)
	r, err := LeaveOneOut(t.Context(), cfg)
	if err != nil || r.Refused > 0 {
		t.Errorf("equal shares, drawn blindly: %v, %d refused; want all answered", err, r.Refused)
	}
}

// TestInvarianceTellsARiggedTrial: policies that are given work by its size
// break the assumption, and the test of it says so.
func TestInvarianceTellsARiggedTrial(t *testing.T) {
	cfg := small()
	cfg.Trajectories, cfg.Policies = 20, []string{"Random", "Pow2"}
	env := newTrial(t, cfg)
	fair, err := within(clustersOf(env), endpoints)
	if err != nil {
		t.Fatal(err)
	}
	for i := range env.trajectories {
		tr := &env.trajectories[i]
		for j := range tr.processing {
			tr.processing[j] *= math.Pow(4, float64(tr.policy))
		}
	}
	rigged, err := within(clustersOf(env), endpoints)
	if err != nil {
		t.Fatal(err)
	}
	if fair.diagnosis.Invariance < 0.01 || rigged.diagnosis.Invariance > 0.001 {
		t.Errorf("p is %.3g in a fair trial and %.3g in a rigged one", fair.diagnosis.Invariance, rigged.diagnosis.Invariance)
	}
}
