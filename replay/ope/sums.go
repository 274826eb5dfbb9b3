package ope

import "math"

// Sums is all that the estimators need to know of one policy on one log, block
// by block. It is filled row by row, in any order, and does not grow with
// their number. It is not safe for concurrent use.
type Sums struct {
	cfg    Config
	blocks []block

	unknown                              int
	squares, scored, most, clipped, lack float64 // Σw², Σ(ŵr)², max w, rows cut, Σ unsupported
	switches, shrinks                    []candidate
}

// block holds the sums of one block of rows.
type block struct {
	rows, weight           float64 // n, Σw
	cut, reward            float64 // Σŵ, Σŵr with clipped weights
	known, knownWeight     float64 // n and Σw of the rows with a prediction
	expected, predictedGap float64 // Σv̂, Σw(r − q̂)
}

// NewSums is empty, for so many blocks.
func NewSums(blocks int, cfg Config) *Sums {
	return &Sums{
		cfg: cfg, blocks: make([]block, blocks),
		switches: candidates(cfg.Switch, 2, blocks), shrinks: candidates(cfg.Shrinkage, 4, blocks),
	}
}

// Add counts one row.
func (s *Sums) Add(at int, r Row) {
	if !(r.Propensity > 0) {
		s.unknown++
		return
	}
	b := &s.blocks[at]
	w := r.Evaluation / r.Propensity
	b.rows++
	b.weight += w
	s.squares += w * w
	s.most = max(s.most, w)
	s.lack += r.Unsupported
	cut := w
	if w > s.cfg.Clip {
		cut = s.cfg.Clip
		s.clipped++
	}
	b.cut += cut
	b.reward += cut * r.Reward
	s.scored += cut * r.Reward * cut * r.Reward
	s.predict(at, w, &r)
}

// predict counts a row for the estimators that use a model. What it expects of
// an action that the policy would not take does not matter.
func (s *Sums) predict(at int, w float64, r *Row) {
	if math.IsNaN(r.Expected) || w > 0 && math.IsNaN(r.Predicted) {
		return
	}
	b, gap := &s.blocks[at], 0.0
	if w > 0 {
		gap = r.Reward - r.Predicted
	}
	b.known++
	b.knownWeight += w
	b.expected += r.Expected
	b.predictedGap += w * gap
	for i := range s.switches {
		c := &s.switches[i]
		c.add(at, w, switched(w, c.lambda), gap, r.Expected)
	}
	for i := range s.shrinks {
		c := &s.shrinks[i]
		c.add(at, w, shrunk(w, c.lambda), gap, r.Expected)
	}
}

// Lack adds probability on actions that the log could not have taken, for a
// log that shows only at its end what it never took: the sum over rows.
func (s *Sums) Lack(unsupported float64) { s.lack += unsupported }

// Merge adds the sums of other rows in the same blocks, of the same Config.
func (s *Sums) Merge(o *Sums) {
	for i := range s.blocks {
		b, p := &s.blocks[i], &o.blocks[i]
		b.rows += p.rows
		b.weight += p.weight
		b.cut += p.cut
		b.reward += p.reward
		b.known += p.known
		b.knownWeight += p.knownWeight
		b.expected += p.expected
		b.predictedGap += p.predictedGap
	}
	s.unknown += o.unknown
	s.squares += o.squares
	s.scored += o.scored
	s.most = max(s.most, o.most)
	s.clipped += o.clipped
	s.lack += o.lack
	for i := range s.switches {
		s.switches[i].merge(&o.switches[i])
	}
	for i := range s.shrinks {
		s.shrinks[i].merge(&o.shrinks[i])
	}
}

// Filled names the blocks that hold a row.
func (s *Sums) Filled() []int {
	var filled []int
	for i := range s.blocks {
		if s.blocks[i].rows > 0 {
			filled = append(filled, i)
		}
	}
	return filled
}

// over adds up the given blocks, of which some may be there several times.
func (s *Sums) over(blocks []int) block {
	var all block
	for _, i := range blocks {
		b := &s.blocks[i]
		all.rows += b.rows
		all.weight += b.weight
		all.cut += b.cut
		all.reward += b.reward
		all.known += b.known
		all.knownWeight += b.knownWeight
		all.expected += b.expected
		all.predictedGap += b.predictedGap
	}
	return all
}

// statistic is the estimator's value, with the λ that all rows chose.
func (s *Sums) statistic(e Estimator) Statistic {
	var tamed *candidate
	switch e {
	case SwitchDR:
		tamed = s.best(s.switches)
	case DRos:
		tamed = s.best(s.shrinks)
	}
	return func(drawn []int) float64 {
		b := s.over(drawn)
		switch e {
		case DM:
			return over(b.expected, b.known)
		case IPS:
			return over(b.reward, b.rows)
		case SNIPS:
			return over(b.reward, b.cut)
		case DR:
			return over(b.expected+b.predictedGap, b.known)
		case SNDR:
			return over(b.expected, b.known) + over(b.predictedGap, b.knownWeight)
		case SwitchDR, DRos:
			correction := 0.0
			for _, i := range drawn {
				correction += tamed.corrections[i]
			}
			return over(b.expected+correction, b.known)
		}
		return nan
	}
}

// Sample is the estimator's value and what the draws make of it; unknown where
// the log cannot tell (see Diagnostics.Refused).
func (s *Sums) Sample(b *Bootstrap, e Estimator) Sample {
	if s.refusal() != "" {
		return b.Unknown()
	}
	return b.Sample(s.statistic(e))
}
