package router

import (
	"slices"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
)

// Queueing is Learned without a network: the weights are those of least total
// cost by the formula of the queue alone (predict.Queue), at the capacities,
// service times and waiting requests that the features' memory has. It is what
// training has to beat.
//
// It declines with WarmUp before any endpoint has a curve, and with Stale.
func Queueing(cfg Config) Policy {
	return &queueingPolicy{splitter: splitter{minLoad: cfg.MinLoad}, cfg: cfg}
}

type queueingPolicy struct {
	splitter
	cfg   Config
	names []string
	at    []int
}

func (p *queueingPolicy) Name() string { return "queueing" }

func (p *queueingPolicy) Decide(dst *Decision, f *features.Frame) error {
	dst.reset(f)
	dst.Policy, dst.Source = p.Name(), SourceRules
	if len(f.Endpoints) == 0 {
		return NoEndpoints
	}
	if stale := p.cfg.staleAfter(f); dst.Age > stale {
		return declinef(Stale, "metrics are %v old, more than %v", dst.Age, stale)
	}
	if !slices.Equal(p.names, f.Names) {
		p.names, p.at = f.Names, p.at[:0]
		for _, name := range predict.AnchorColumns() {
			p.at = append(p.at, f.Column(name))
		}
	}
	if slices.Contains(p.at, -1) {
		return declinef(SchemaMismatch, "the frame lacks a column of %v", predict.AnchorColumns())
	}
	p.curves = sized(p.curves, len(f.Endpoints))
	predict.Queues(p.curves, f, p.at)
	service := p.cfg.Rules.Service(f.Service).Service
	objective := service.Objective
	if objective == (mesh.Objective{}) {
		objective = f.Objective
	}
	dst.Predictions = sized(dst.Predictions, len(f.Endpoints))
	rate, err := p.split(dst, f, objective, floorWeight(service.Limits, len(f.Endpoints)), 0)
	if err != nil {
		return err
	}
	for i := range p.curves {
		dst.Predictions[i] = p.curves[i].Predict(rate * dst.Weights[i])
	}
	return nil
}
