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

// outermost is the greatest distance from a Level, in scales: that of any change
// when the past knew none.
const outermost = 1 << 20

// Distance is how far v is from the mean in scales, negative below it and at
// most 2^20 away. Floor is the least scale, in the unit of v: below it a
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
	case math.Abs(d) >= outermost*scale: // also when the scale is zero
		return math.Copysign(outermost, d)
	}
	return d / scale
}

// Learn makes v part of the past, as one of the newest memory values: before
// there are so many, all count equally. A value moves the level by no more than
// one that is utmost scales away. Learn skips what Tracker.Push would skip.
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
	if widest := utmost * max(l.Scale, floor); l.N > fewYet && widest > 0 {
		d = min(max(d, -widest), widest)
	}
	l.Mean += weight * d
	l.Scale += weight * (math.Abs(d) - l.Scale)
}

// utmost is the distance beyond which values are not told apart where squares
// are added up or a level is moved: the sum would else be that of one metric
// whose past was nearly constant.
const utmost = 25

func limited(distance float64) float64 { return min(max(distance, -utmost), utmost) }

// fewYet is up to how many values the scale is not yet trusted to bound one.
const fewYet = 8

func usable(v float64) bool { return math.Abs(v) < largest } // false for NaN, too

// check reports a level that no sequence of values leaves behind.
func (l *Level) check() error {
	if !(l.N >= 0) || math.IsInf(l.N, 0) || !sane(l.Mean) || !sane(l.Scale) || l.Scale < 0 {
		return fmt.Errorf("level %v with scale %v of %v values", l.Mean, l.Scale, l.N)
	}
	return nil
}
