package main

import (
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/trial"
)

// trialPolicy is two lines that serve the simulated mesh, from a time on, as the
// daemon has them serve while a change is tried: pickers get the mixture.
type trialPolicy struct {
	former, tried router.Policy
	change        func(mesh.Weights) // what the tried line makes of its weights; nil: nothing
	at            time.Time          // when the change is made
	cfg           trial.Config
	ended         func() // called at the verdict

	trial     *trial.Trial
	verdict   trial.Verdict
	shares    []shareFrom
	decisions [2]router.Decision
	end       time.Time // of the last window
}

// shareFrom is the tried line's share of the requests from a time on.
type shareFrom struct {
	from  time.Time
	share float64
}

func (p *trialPolicy) Name() string { return "trial" }

// FeatureConfig is how the frames of both lines are made.
func (p *trialPolicy) FeatureConfig() features.Config {
	if f, ok := p.former.(interface{ FeatureConfig() features.Config }); ok {
		return f.FeatureConfig()
	}
	return features.DefaultConfig()
}

// Applied tells both lines what is in force.
func (p *trialPolicy) Applied(d *router.Decision) {
	for _, line := range []router.Policy{p.former, p.tried} {
		if a, ok := line.(interface{ Applied(*router.Decision) }); ok {
			a.Applied(d)
		}
	}
}

func (p *trialPolicy) Decide(dst *router.Decision, f *features.Frame) error {
	former, tried := &p.decisions[0], &p.decisions[1]
	if err := p.former.Decide(former, f); err != nil {
		return err
	}
	if err := p.tried.Decide(tried, f); err != nil {
		return err
	}
	if p.change != nil {
		p.change(tried.Weights)
	}
	if p.trial == nil && !f.Time.Before(p.at) {
		p.trial = trial.New(p.cfg, f.Time)
		p.verdict = trial.Verdict{Share: p.cfg.Share}
		p.shares = []shareFrom{{f.Time, p.cfg.Share}}
	}
	p.judge(f, former, tried)
	*dst = *former
	dst.Weights = slices.Clone(former.Weights)
	for i := range dst.Weights {
		dst.Weights[i] += p.verdict.Share * (tried.Weights[i] - former.Weights[i])
	}
	return nil
}

// judge asks the trial, in the order in which the daemon does.
func (p *trialPolicy) judge(f *features.Frame, former, tried *router.Decision) {
	if p.trial == nil || p.verdict.Step != trial.GoOn {
		return
	}
	if f.End.After(p.end) {
		p.trial.Observe(&f.Window)
		p.end = f.End
	}
	p.trial.InForce(f.Time, f.Service, f.Endpoints, former.Weights, tried.Weights)
	before := p.verdict.Share
	p.verdict = p.trial.Judge(f.Time)
	if p.verdict.Share != before {
		p.shares = append(p.shares, shareFrom{f.Time, p.verdict.Share})
	}
	if p.verdict.Step != trial.GoOn {
		p.ended()
	}
}

// share is the tried line's at a time.
func (p *trialPolicy) share(at time.Time) float64 {
	share := 0.0
	for _, s := range p.shares {
		if !s.from.After(at) {
			share = s.share
		}
	}
	return share
}
