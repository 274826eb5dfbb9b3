package counterfactual

import (
	"math"
	"reflect"
	"testing"
)

// TestLeaveOneOut holds the promise of this package: leaving one policy out,
// ours errs by at most half as much as the plain replay, and by less than the
// supervised rival, in processing time and in latency.
func TestLeaveOneOut(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Trajectories, cfg.Jobs = 8, 400
	for _, noise := range []float64{0, 0.05} {
		cfg.Noise = noise
		r, err := LeaveOneOut(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("noise %v: processing %.2f, latency %.2f %%", noise, r.Processing, r.Latency)
		if r.Refused > 0 || len(r.Policies) != 16 {
			t.Errorf("%d of %d policies were refused; want 0 of 16", r.Refused, len(r.Policies))
		}
		for _, p := range r.Policies {
			if m := p.MeanLatency; math.Abs(m.Ours) > 5 || math.Abs(m.Ours) > math.Abs(m.Plain)/2 || p.SameEndpoint < 0.3 || p.SameEndpoint > 1 {
				t.Errorf("noise %v: %s: the mean latency is off by %.2f %%, plain by %.2f %%; %.2f of the jobs went where they went", noise, p.Policy, m.Ours, m.Plain, p.SameEndpoint)
			}
		}
		for what, e := range map[string]Errors{"processing time": r.Processing, "latency": r.Latency} {
			if e.Ours > e.Plain/2 || e.Ours >= e.Supervised || e.Ours <= 0 {
				t.Errorf("noise %v: %s: ours %.2f %%, supervised %.2f %%, plain %.2f %%; want at most half of plain, and below supervised", noise, what, e.Ours, e.Supervised, e.Plain)
			}
		}
	}
}

func TestLeaveOneOutFollowsFromTheSeed(t *testing.T) {
	cfg := small()
	cfg.Policies = []string{"Random", "JSQ", "Pow2", "Tracker"}
	one, err := LeaveOneOut(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	same, err := LeaveOneOut(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one, same) {
		t.Errorf("the same seed gave\n%+v\nand\n%+v", one, same)
	}
}

// TestRivalIsNoStrawMan: the supervised rival is worth having, as it errs by
// far less than the plain replay and predicts what it was not taught.
func TestRivalIsNoStrawMan(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Trajectories, cfg.Jobs = 8, 400
	r, err := LeaveOneOut(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Processing.Supervised > r.Processing.Plain/2 || r.Latency.Supervised > r.Latency.Plain/2 {
		t.Errorf("the rival errs by %.1f and %.1f %%, plain by %.1f and %.1f %%", r.Processing.Supervised, r.Latency.Supervised, r.Processing.Plain, r.Latency.Plain)
	}
	env := newTrial(t, cfg)
	var lessons []*lesson
	var logs, counts [endpoints]float64
	for i := range env.trajectories {
		r := &env.trajectories[i].record
		lessons = append(lessons, newLesson(r))
		for j, e := range r.endpoint {
			logs[e] += math.Log(r.processing[j])
			counts[e]++
		}
	}
	s, err := learn(t.Context(), lessons)
	if err != nil {
		t.Fatal(err)
	}
	constant := &supervised{reach: 1, coefficients: make([]float64, features)}
	for e := range endpoints {
		constant.coefficients[e] = logs[e] / counts[e]
	}
	if loss, dull := s.tune(lessons), constant.tune(lessons); loss > 0.9*dull {
		t.Errorf("on the log itself the rival errs by %.0f %%, one mean for each endpoint by %.0f %%", 100*loss, 100*dull)
	}
}
