package replay

import "github.com/fairway-mesh/fairway/replay/ope"

// logSums is everything of one row that a bootstrap over requests needs.
type logSums struct {
	cost, errors *ope.Sums
	latency      []histogram // by block, with clipped weights
	clip         float64
}

func (t *Trace) newLogSums() []logSums {
	sums, n, cfg := make([]logSums, len(t.Rows)-1), t.blocks().n, t.cfg.estimators()
	for i := range sums {
		sums[i] = logSums{cost: ope.NewSums(n, cfg), errors: ope.NewSums(n, cfg), latency: make([]histogram, n), clip: cfg.Clip}
	}
	return sums
}

func (s *logSums) add(block int, cost, latency, failed float64, q question) {
	row := ope.Row{Reward: cost, Propensity: q.propensity, Evaluation: q.evaluation, Predicted: q.cost.logged, Expected: q.cost.policy}
	s.cost.Add(block, row)
	row.Reward, row.Predicted, row.Expected = failed, q.errors.logged, q.errors.policy
	s.errors.Add(block, row)
	s.latency[block].add(latency, min(q.evaluation/q.propensity, s.clip))
}

func (s *logSums) lack(unsupported float64) {
	s.cost.Lack(unsupported)
	s.errors.Lack(unsupported)
}

// merge adds the sums of another service.
func (s *logSums) merge(o *logSums) {
	s.cost.Merge(o.cost)
	s.errors.Merge(o.errors)
	for b := range s.latency {
		s.latency[b].merge(o.latency[b])
	}
}

// p99 is that of all requests together, by weight.
func (s *logSums) p99(drawn []int) float64 {
	return tailOf(s.latency, drawn, tailProbability)
}
