package counterfactual

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
)

// Errors are mean absolute percentage errors over jobs, as in the paper's
// code: 100 · mean(|simulated − true| / true).
type Errors struct {
	Plain      float64 `json:"plain"`      // processing times as recorded
	Supervised float64 `json:"supervised"` // learned without causal care
	Ours       float64 `json:"ours"`
}

// Report is the error of the three simulators, averaged over the policies that
// were left out.
type Report struct {
	Seed       uint64         `json:"seed"`
	Jobs       int            `json:"jobs"` // of the log
	Processing Errors         `json:"processing"`
	Latency    Errors         `json:"latency"`
	Policies   []PolicyReport `json:"policies"`
	// Refused counts the policies whose rest did not identify the slowness;
	// they are in none of the means. All of them: the means are 0.
	Refused int `json:"refused"`
}

// PolicyReport is what came out for one policy that was left out.
type PolicyReport struct {
	Policy     string  `json:"policy"`
	Processing *Errors `json:"processing,omitempty"`
	Latency    *Errors `json:"latency,omitempty"`
	// MeanLatency is by how many percent the mean of all simulated latencies
	// is off, with its sign. Errors of single jobs largely cancel in it.
	MeanLatency *Errors `json:"mean_latency,omitempty"`
	// SameEndpoint is the part of the jobs that ours sends where they went.
	SameEndpoint float64 `json:"same_endpoint"`
	// Refused says why ours gave no answer; there are no errors then.
	Refused   string    `json:"refused,omitempty"`
	Diagnosis Diagnosis `json:"diagnosis"`
	// SlownessError is the largest error of a log slowness, and StandardError
	// the largest that the estimate claims.
	SlownessError float64 `json:"slowness_error"`
	StandardError float64 `json:"slowness_standard_error"`
}

// LeaveOneOut runs the trial, and for each policy simulates it on the logged
// trajectories of all others, knowing only those. The truth is the same jobs
// at the same times under that policy, with the same luck.
func LeaveOneOut(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, err
	}
	env, err := newEnvironment(ctx, cfg)
	if err != nil {
		return Report{}, err
	}
	report := Report{Seed: cfg.Seed, Jobs: len(env.trajectories) * cfg.Jobs}
	j := newJudge(env)
	for p, name := range cfg.Policies {
		out, err := j.leaveOut(ctx, p, cfg.InstrumentOnly)
		if err != nil {
			return Report{}, fmt.Errorf("counterfactual: leaving out %s: %w", name, err)
		}
		out.Policy = name
		report.Policies = append(report.Policies, out)
	}
	report.average()
	return report, nil
}

func (r *Report) average() {
	for _, p := range r.Policies {
		if p.Refused != "" {
			r.Refused++
		}
	}
	n := float64(len(r.Policies) - r.Refused)
	for _, p := range r.Policies {
		if p.Refused == "" {
			r.Processing.add(*p.Processing, 1/n)
			r.Latency.add(*p.Latency, 1/n)
		}
	}
}

func (e *Errors) add(o Errors, weight float64) {
	e.Plain += weight * o.Plain
	e.Supervised += weight * o.Supervised
	e.Ours += weight * o.Ours
}

// judge holds what all left-out policies share.
type judge struct {
	env      *environment
	clusters []*cluster
	lessons  []*lesson
	truth    *run
	guess    *run
}

func newJudge(env *environment) *judge {
	j := &judge{env: env, truth: newRun(env), guess: newRun(env)}
	for i := range env.trajectories {
		j.clusters = append(j.clusters, clusterOf(&env.trajectories[i].record))
		j.lessons = append(j.lessons, newLesson(&env.trajectories[i].record))
	}
	return j
}

func (j *judge) leaveOut(ctx context.Context, policy int, instrumentOnly bool) (PolicyReport, error) {
	var clusters []*cluster
	var lessons []*lesson
	for i := range j.env.trajectories {
		if j.env.trajectories[i].policy != policy {
			clusters = append(clusters, j.clusters[i])
			lessons = append(lessons, j.lessons[i])
		}
	}
	ours, err := solve(clusters, endpoints, instrumentOnly)
	out := PolicyReport{Diagnosis: ours.diagnosis}
	if errors.Is(err, ErrNotIdentified) {
		out.Refused = err.Error()
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.SlownessError, out.StandardError = j.env.slownessError(ours)
	rival, err := learn(ctx, lessons)
	if err != nil {
		return out, err
	}
	out.Processing, out.Latency, out.MeanLatency = &Errors{}, &Errors{}, &Errors{}
	n, latency := 0.0, 0.0
	for i := range j.env.trajectories {
		t := &j.env.trajectories[i]
		if t.policy == policy {
			continue
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		j.truth.trajectory(policy, t, j.env.truth(t))
		latency += floats.Sum(j.truth.latency)
		sums := [3][3]float64{}
		for k, takes := range []processing{plain(&t.record), rival.takes(&t.record), ours.takes(&t.record)} {
			j.guess.trajectory(policy, t, takes)
			sums[k] = [3]float64{distance(j.guess.processing, j.truth.processing), distance(j.guess.latency, j.truth.latency), floats.Sum(j.guess.latency)}
		}
		out.SameEndpoint += same(j.guess.endpoint, j.truth.endpoint) // the last guess is ours
		out.Processing.add(Errors{sums[0][0], sums[1][0], sums[2][0]}, 100)
		out.Latency.add(Errors{sums[0][1], sums[1][1], sums[2][1]}, 100)
		out.MeanLatency.add(Errors{sums[0][2], sums[1][2], sums[2][2]}, 100)
		n += float64(len(t.sizes))
	}
	out.SameEndpoint /= n
	for _, e := range []*Errors{out.Processing, out.Latency} {
		*e = Errors{e.Plain / n, e.Supervised / n, e.Ours / n}
	}
	m := out.MeanLatency
	*m = Errors{m.Plain/latency - 100, m.Supervised/latency - 100, m.Ours/latency - 100}
	return out, nil
}

// same counts the jobs that went to the same endpoint.
func same(guess, truth []uint8) float64 {
	n := 0.0
	for i, e := range truth {
		if guess[i] == e {
			n++
		}
	}
	return n
}

// distance is the sum of |guess − truth| / truth.
func distance(guess, truth []float64) float64 {
	sum := 0.0
	for i, x := range truth {
		sum += math.Abs(guess[i]-x) / x
	}
	return sum
}

// plain takes the processing time as it was recorded, wherever the job goes.
func plain(r *record) processing {
	return func(_ *queues, job, _ int) float64 { return r.processing[job] }
}

// takes is ours: the work of the job is its recorded time over the slowness of
// the endpoint that took it.
func (e *estimate) takes(r *record) processing {
	factors := make([]float64, len(e.slowness))
	for i, s := range e.slowness {
		factors[i] = math.Exp(s)
	}
	return func(_ *queues, job, endpoint int) float64 {
		return r.processing[job] / factors[r.endpoint[job]] * factors[endpoint]
	}
}

// slownessError compares with the truth, whose level is as free as the
// estimate's.
func (env *environment) slownessError(e *estimate) (worst, claimed float64) {
	level := 0.0
	for _, s := range env.slow {
		level += math.Log(s) / float64(len(env.slow))
	}
	for i, s := range env.slow {
		worst = max(worst, math.Abs(e.slowness[i]-(math.Log(s)-level)))
		claimed = max(claimed, e.standardError(i))
	}
	return worst, claimed
}
