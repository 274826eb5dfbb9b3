package counterfactual

import (
	"context"
	"math"
	"math/rand/v2"
)

// record is what the log of a trajectory shows, and all that a simulator may
// look at. Times are in milliseconds.
type record struct {
	policy     int       // which one ran it, drawn at random
	arrivals   []float64 // since the trajectory began
	endpoint   []uint8
	processing []float64
	latency    []float64
}

// trajectory adds what only the environment knows.
type trajectory struct {
	record
	id    uint64
	sizes []float64
	class []int8 // +1 or -1
}

// environment is CausalSim's load-balancing environment with one trial in it,
// after the paper's public code (CausalSim/Unbiased-Trace-Driven-Simulation
// and its copies). Two deviations: every policy is given the same number of
// trajectories, in random order, where the paper draws the policy of each; and
// the Tracker forgets between trajectories, so that each can be run alone.
type environment struct {
	policies     []policy
	slow         []float64
	lean         []float64 // of the two classes
	trajectories []trajectory
	seed         uint64
}

const (
	meanGap     = 50.0 // ms between arrivals
	load        = 0.6
	sizeStates  = 50
	sizeChange  = 1.0 / 12000
	sizeSpread  = 0.5 // the largest ratio of a state's standard deviation to its mean
	leastSize   = 3.0
	largestSize = 1000.0
)

// stream is a source of randomness of its own for each purpose.
func stream(seed, purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, purpose)) }

// newEnvironment draws the latent part, assigns the policies, and runs the
// trial.
func newEnvironment(ctx context.Context, cfg Config) (*environment, error) {
	env := &environment{seed: cfg.Seed}
	random := stream(cfg.Seed, 1)
	for range endpoints {
		env.slow = append(env.slow, math.Pow(5, 2*random.Float64()-1))
		env.lean = append(env.lean, cfg.ClassSpread*random.NormFloat64())
	}
	for _, name := range cfg.Policies {
		p, err := policyNamed(name)
		if err != nil {
			return nil, err
		}
		env.policies = append(env.policies, p)
	}
	env.draw(cfg)
	noise, run := stream(cfg.Seed, 4), newRun(env)
	for i := range env.trajectories {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t := &env.trajectories[i]
		run.trajectory(t.policy, t, env.truth(t))
		t.endpoint = append(t.endpoint, run.endpoint...)
		t.latency = append(t.latency, run.latency...)
		for _, m := range run.processing {
			t.processing = append(t.processing, m*math.Exp(cfg.Noise*noise.NormFloat64()))
		}
	}
	return env, nil
}

// draw makes the jobs: one long chain of sizes, cut into trajectories as in
// the paper, whose mean gives the load were the endpoints chosen evenly.
func (env *environment) draw(cfg Config) {
	random, gaps := stream(cfg.Seed, 2), stream(cfg.Seed, 3)
	n := len(cfg.Policies) * cfg.Trajectories
	order := random.Perm(n)
	state := func() (mean, deviation float64) {
		mean = math.Pow(10, 1+1.5*float64(random.IntN(sizeStates))/(sizeStates-1))
		return mean, mean * sizeSpread * float64(random.IntN(sizeStates)) / (sizeStates - 1)
	}
	mean, deviation := state()
	total := 0.0
	for i := range n {
		t := trajectory{id: uint64(i), sizes: make([]float64, cfg.Jobs), class: make([]int8, cfg.Jobs)}
		t.policy, t.arrivals = order[i]%len(cfg.Policies), make([]float64, cfg.Jobs)
		now := 0.0
		for j := range t.sizes {
			t.sizes[j] = min(max(mean+deviation*random.NormFloat64(), leastSize), largestSize)
			if random.Float64() < sizeChange {
				mean, deviation = state()
			}
			total += t.sizes[j]
			t.class[j] = int8(2*gaps.IntN(2) - 1)
			t.arrivals[j] = now
			now += meanGap * gaps.ExpFloat64()
		}
		env.trajectories = append(env.trajectories, t)
	}
	slow := 0.0
	for _, s := range env.slow {
		slow += s / endpoints
	}
	scale := load * endpoints * meanGap / slow / (total / float64(n*cfg.Jobs))
	for _, t := range env.trajectories {
		for j := range t.sizes {
			t.sizes[j] *= scale
		}
	}
}

// truth is the processing time of a job at an endpoint.
func (env *environment) truth(t *trajectory) processing {
	return func(_ *queues, job, e int) float64 {
		m := t.sizes[job] * env.slow[e]
		if env.lean[e] != 0 {
			m *= math.Exp(float64(t.class[job]) * env.lean[e])
		}
		return m
	}
}
