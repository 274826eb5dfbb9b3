package router

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/predict"
)

// correction is how far the network takes an endpoint's curve from the formula,
// as a mean over the last windows: logarithms.
type correction struct{ Level, Capacity, Stretch, Weight float64 }

// correctionWindows is the time constant of a correction.
const correctionWindows = 15

// steady takes of the network's corrections what lasts. The optimum of noisy
// costs goes where the noise is favourable (Smith and Winkler, "The Optimizer's
// Curse", Management Science 52, 2006): weights that follow each window's
// predictions of like endpoints are worse than equal ones, although the
// predictions are better than none. What changes quickly, queues and capacities
// that break down, is in the formula.
func (l *learned) steady(f *features.Frame) error {
	l.plain = sized(l.plain, len(l.curves))
	if err := l.formula.Curves(l.plain, f); err != nil {
		return err
	}
	v, keep := l.corrections.meet(f), math.Exp(-1.0/correctionWindows)
	for i, e := range v.order {
		c, p := &l.curves[i], &l.plain[i]
		if !c.Known || !p.Known {
			continue
		}
		if v.fresh {
			e.Level = keep*e.Level + (1-keep)*math.Log(c.Level/p.Level)
			e.Capacity = keep*e.Capacity + (1-keep)*math.Log(c.Capacity/p.Capacity)
			e.Stretch = keep*e.Stretch + (1-keep)*math.Log(c.Stretch/p.Stretch)
			e.Weight = keep*e.Weight + 1 - keep
		}
		e.apply(c, p)
	}
	return nil
}

// apply corrects the formula's curve p in c.
func (e *correction) apply(c, p *predict.Curve) {
	if !(e.Weight > 0) {
		return
	}
	c.Level = p.Level * math.Exp(e.Level/e.Weight)
	c.Capacity = p.Capacity * math.Exp(e.Capacity/e.Weight)
	c.Stretch = p.Stretch * math.Exp(e.Stretch/e.Weight)
}
