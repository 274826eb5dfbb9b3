package router

import (
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/predict"
)

// Queueing is Learned without a network: the weights are those of least total
// cost by the formula of the queue alone (features.Queue), at the capacities,
// service times and waiting requests that the features' memory has. It is what
// training has to beat.
//
// On stale metrics the weights are the capacities, which do not age as load does,
// until they are staleTimes as old. It declines with Stale then, and with WarmUp
// before any endpoint has a curve.
func Queueing(cfg Config) Policy {
	return &queueingPolicy{splitter: splitter{minLoad: cfg.MinLoad, course: cfg.Course}, cfg: cfg, formula: predict.NewFormula()}
}

// staleTimes makes of the 15 s of three windows the 3 min after which gRFC A58
// forgets a weight.
const staleTimes = 12

type queueingPolicy struct {
	splitter
	cfg     Config
	formula *predict.Formula
}

func (p *queueingPolicy) Name() string { return "queueing" }

func (p *queueingPolicy) Decide(dst *Decision, f *features.Frame) error {
	dst.reset(f)
	dst.Policy, dst.Source = p.Name(), SourceRules
	if len(f.Endpoints) == 0 {
		return NoEndpoints
	}
	shrink := 0.0
	switch stale := p.cfg.staleAfter(f); {
	case dst.Age > staleTimes*stale:
		return declinef(Stale, "metrics are %v old, more than %v", dst.Age, staleTimes*stale)
	case dst.Age > stale:
		shrink = 1
	}
	p.curves = sized(p.curves, len(f.Endpoints))
	if err := p.formula.Curves(p.curves, f); err != nil {
		return decline(err)
	}
	return p.weigh(dst, f, p.cfg.Rules.Service(f.Service).Service, shrink)
}
