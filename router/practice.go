package router

import (
	"errors"
	"slices"

	"github.com/fairway-mesh/fairway/features"
)

// Practised is Fallback for a learned policy. Where that declines for want of
// practice or of news only (in warm-up, because it does not know the like or its
// members disagree, on stale metrics) the formula of the queue decides, which asks
// for less: Queueing. The rules answer where they give the endpoints unequal
// weights, where the formula declines too, and to every other reason: it says that
// metrics or model are not to be trusted.
func Practised(learned Policy, cfg Config) Policy {
	static := Static(cfg.Rules)
	return &practised{learned: learned, formula: Fallback(Queueing(cfg), static), rules: static, cfg: cfg}
}

type practised struct {
	learned, formula, rules Policy
	cfg                     Config
}

func (p *practised) Name() string { return p.learned.Name() }

func (p *practised) Decide(dst *Decision, f *features.Frame) error {
	err := p.learned.Decide(dst, f)
	if err == nil {
		if err = dst.Weights.Validate(); err == nil {
			return nil
		}
	}
	then := p.rules
	if wantsPractice(err) && !ruledWeights(dst.Weights, p.cfg.Rules, f) {
		then = p.formula
	}
	return instead(dst, f, err, then)
}

// wantsPractice reports whether a policy that declined might have decided,
// had it seen more.
func wantsPractice(err error) bool {
	return slices.ContainsFunc([]Reason{WarmUp, Unfamiliar, Disagreement, Stale}, func(r Reason) bool { return errors.Is(err, r) })
}
