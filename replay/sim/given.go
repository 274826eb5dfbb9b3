package sim

import (
	"cmp"
	"slices"
	"time"
)

// Complete fills in what a scenario that no file describes leaves out, as Parse
// does for files.
func (s *Scenario) Complete() { s.defaults() }

// ArrivalsAt are arrivals at the given times since the start, in order; false
// when they are not at two times at least.
func ArrivalsAt(times []time.Duration) (Arrivals, bool) {
	if len(times) == 0 {
		return Arrivals{}, false
	}
	seconds := make([]float64, len(times))
	for i, t := range times {
		seconds[i] = t.Seconds()
	}
	first := seconds[0]
	a := Arrivals{Process: Log, File: "(given)"}
	a.gaps, a.own = gaps(seconds)
	if a.gaps == nil {
		return Arrivals{}, false
	}
	a.gaps[0] = first * a.own
	return a, true
}

// Scale multiplies the arrivals by x, which is above 0.
func (a *Arrivals) Scale(x float64) {
	a.Load, a.Rate, a.own = a.Load*x, a.Rate*x, a.own*x
	a.scale = cmp.Or(a.scale, 1) * x
	a.Steps = slices.Clone(a.Steps)
	for i := range a.Steps {
		a.Steps[i].Load, a.Steps[i].Rate = a.Steps[i].Load*x, a.Steps[i].Rate*x
	}
}
