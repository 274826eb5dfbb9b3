package anomaly

import (
	"fmt"
	"math"
)

// Level is where one number usually is and how far it usually strays. The zero
// value has no past. Level is plain numbers: copy it to keep it.
type Level struct {
	N           float64 // values seen
	Mean, Scale float64 // slow mean, and slow mean absolute deviation from it
}

// Farthest is the greatest distance from a Level, in scales. What is farther is
// not told apart: a mean of squares would else be that of one metric whose past
// was nearly constant.
const Farthest = 25

// Distance is how far v is from the mean in scales, negative below it and at
// most Farthest away. Floor is the least scale, in the unit of v: below it a
// difference does not matter. It is NaN when v is, or when there is no past.
func (l *Level) Distance(v, floor float64) float64 {
	if l.N == 0 {
		return math.NaN()
	}
	d := v - l.Mean
	scale := max(l.Scale, floor)
	switch {
	case math.IsNaN(d):
		return math.NaN()
	case math.Abs(d) <= still*math.Abs(l.Mean):
		return 0
	case math.Abs(d) >= Farthest*scale: // also when the scale is zero
		return math.Copysign(Farthest, d)
	}
	return d / scale
}

// Doublings is the distance, not bounded by Farthest, as a logarithm to the base
// 2 of one more than it, negative below the mean: distances of very different
// metrics can be compared and subtracted as such. It is NaN when v is, or when
// there is no past.
func (l *Level) Doublings(v, floor float64) float64 {
	if l.N == 0 || math.IsNaN(v) {
		return math.NaN()
	}
	d := v - l.Mean
	if math.Abs(d) <= still*math.Abs(l.Mean) {
		return 0
	}
	return math.Copysign(min(math.Log2(1+math.Abs(d)/max(l.Scale, floor)), mostDoublings), d)
}

const mostDoublings = 64

// Learn makes v part of the past, as one of the newest memory values: before
// there are so many, all count equally. A value moves the level by no more than
// one that is Farthest away. Learn skips what Tracker.Push would skip.
func (l *Level) Learn(v, floor, memory float64) {
	if !usable(v) {
		return
	}
	if l.N == 0 {
		*l = Level{N: 1, Mean: v}
		return
	}
	l.N++
	weight := max(1/l.N, 1/memory)
	d := v - l.Mean
	if bound := Farthest * max(l.Scale, floor); l.N > young && bound > 0 {
		d = min(max(d, -bound), bound)
	}
	l.Mean += weight * d
	l.Scale += weight * (math.Abs(d) - l.Scale)
}

// young is up to how many values the scale is not yet trusted to bound one.
const young = 8

func usable(v float64) bool { return math.Abs(v) < largest } // false for NaN, too

// check reports a level that no sequence of values leaves behind.
func (l *Level) check() error {
	if !(l.N >= 0) || math.IsInf(l.N, 0) || !sane(l.Mean) || !sane(l.Scale) || l.Scale < 0 {
		return fmt.Errorf("level %v with scale %v of %v values", l.Mean, l.Scale, l.N)
	}
	return nil
}
