package anomaly

import (
	"fmt"
	"math"
)

// Trend follows one number along a straight line that forgets: a least-squares
// fit whose weights halve with every half-life (Gilchrist's discounted least
// squares, the steady form of the local linear trend). Its memory is constant.
type Trend struct{ s sums }

// sums are discounted, over the values pushed; times are counted from the
// newest push, in seconds, and therefore not positive. Fields are exported to
// encoding/binary only.
type sums struct {
	HalfLife   float64 // seconds
	N          float64 // values since the beginning
	Base       float64 // the first value, which the others are counted from
	W, T, TT   float64 // weights, times, squared times
	V, TV      float64 // values, products of time and value
	E, EE, GEE float64 // weights and squares of one-step errors; of what they moved the level, per second
}

// NewTrend returns a trend without a past. Half-life is in seconds; it panics
// when that is not positive and finite.
func NewTrend(halfLife float64) *Trend {
	if !(halfLife > 0) || math.IsInf(halfLife, 0) {
		panic(fmt.Sprintf("anomaly: half-life of a trend is %v s", halfLife))
	}
	return &Trend{sums{HalfLife: halfLife}}
}

// HalfLife is the half-life in seconds; 0 of a Trend that NewTrend did not make,
// which follows nothing.
func (t *Trend) HalfLife() float64 { return t.s.HalfLife }

// Reset forgets everything but the half-life.
func (t *Trend) Reset() { t.s = sums{HalfLife: t.s.HalfLife} }

// Push takes the value seen dt seconds after the previous push. A value that
// is NaN or infinite only lets the time pass. A dt that is not positive (after
// the first value) or not finite is ignored, with its value.
func (t *Trend) Push(dt, value float64) {
	s := &t.s
	if s.N > 0 {
		if !(dt > 0) || dt > largest {
			return
		}
		s.pass(dt)
	}
	if !math.IsNaN(value) && math.Abs(value) <= largest {
		s.add(dt, value)
	}
}

// pass moves the origin of time to dt seconds later.
func (s *sums) pass(dt float64) {
	f := math.Exp2(-dt / s.HalfLife)
	if f*s.W < 1e-12 { // nothing is left of the past
		*s = sums{HalfLife: s.HalfLife}
		return
	}
	s.TV = f * (s.TV - dt*s.V)
	s.TT = f * (s.TT - 2*dt*s.T + dt*dt*s.W)
	s.T = f * (s.T - dt*s.W)
	s.W, s.V = f*s.W, f*s.V
	s.E, s.EE, s.GEE = f*s.E, f*s.EE, f*s.GEE
}

// add takes a value at the origin of time, dt seconds after the one before.
func (s *sums) add(dt, value float64) {
	if s.N == 0 {
		s.N, s.W, s.Base = 1, 1, value
		return
	}
	value -= s.Base
	miss := value - s.level() // by how much the line, before this value, was wrong
	s.N++
	s.W++
	s.V += value
	moved := s.gain() * miss
	s.E++
	s.EE += miss * miss
	s.GEE += moved * moved / dt
}

// spread is the weighted squared deviation of the times.
func (s *sums) spread() float64 { return s.TT - s.T*s.T/s.W }

// gain is the leverage of the newest value: how far it moves the level.
func (s *sums) gain() float64 {
	if !s.straight() {
		return 1 / s.W
	}
	return min(1/s.W+s.T*s.T/(s.W*s.W*s.spread()), 1)
}

// Doubt is the standard error of the slope, per second, as far as one-step
// errors tell it: 0 while there is no slope.
func (t *Trend) Doubt() float64 {
	s := &t.s
	if s.E == 0 || !s.straight() {
		return 0
	}
	return math.Sqrt(s.EE / s.E / s.spread())
}

// straight says whether there is enough to see a slope in: three values, most
// of two of them not yet forgotten.
func (s *sums) straight() bool {
	return s.N >= 3 && s.W >= 1.75 && s.spread() > 1e-9*s.HalfLife*s.HalfLife
}

func (s *sums) level() float64 {
	if !(s.W > 0) {
		return 0
	}
	return (s.V - s.slope()*s.T) / s.W
}

func (s *sums) slope() float64 {
	if !s.straight() {
		return 0
	}
	return (s.TV - s.T*s.V/s.W) / s.spread()
}

// Level is where the line is at the newest push; NaN before the first value.
func (t *Trend) Level() float64 {
	if t.s.N == 0 {
		return math.NaN()
	}
	return t.s.Base + t.s.level()
}

// Slope is how fast the line rises, per second; 0 while there are fewer than
// three values, or all but one are forgotten.
func (t *Trend) Slope() float64 { return t.s.slope() }

// Crossing is the probability that the level reaches the threshold from below
// within the horizon (seconds from the newest push): 1 when it is there
// already, NaN before the first value. The level is taken for a Brownian
// motion with drift, whose first passage is inverse Gaussian (Chhikara and
// Folks 1989). Its drift is the slope; its variance is what one-step errors
// have moved the level by, widened by the doubt about the slope.
func (t *Trend) Crossing(threshold, horizon float64) float64 {
	if t.s.N == 0 || math.IsNaN(threshold) || math.IsNaN(horizon) {
		return math.NaN()
	}
	distance := threshold - t.Level()
	if distance <= 0 {
		return 1
	}
	if horizon <= 0 {
		return 0
	}
	return firstPassage(distance, t.s.slope(), t.s.variance(horizon), horizon)
}

// variance is how far the level strays from the line, squared, per second of a
// horizon.
func (s *sums) variance(horizon float64) float64 {
	if s.E == 0 {
		return 0
	}
	v := s.GEE / s.E
	if s.straight() {
		v += s.EE / s.E / s.spread() * horizon
	}
	return v
}

// firstPassage is the probability that a Brownian motion from 0, with the
// given drift and variance per second, reaches distance > 0 within the time.
func firstPassage(distance, drift, variance, time float64) float64 {
	if !(variance > 0) {
		if drift*time >= distance {
			return 1
		}
		return 0
	}
	sd := math.Sqrt(variance * time)
	p := normal((drift*time - distance) / sd)
	// The second term is a huge number times a tiny one: add their logarithms.
	p += math.Exp(2*drift*distance/variance + logNormal((-drift*time-distance)/sd))
	if math.IsNaN(p) { // both extreme beyond what a float holds
		p = normal((drift*time - distance) / sd)
	}
	return min(max(p, 0), 1)
}

func normal(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

// logNormal is the logarithm of normal, also where that underflows
// (Abramowitz and Stegun 26.2.12).
func logNormal(x float64) float64 {
	if x > -30 {
		return math.Log(normal(x))
	}
	return -x*x/2 - math.Log(-x*math.Sqrt(2*math.Pi)) + math.Log1p(-1/(x*x))
}

// check reports sums that no sequence of pushes leaves behind.
func (s *sums) check() error {
	for _, x := range []float64{s.N, s.Base, s.W, s.T, s.TT, s.V, s.TV, s.E, s.EE, s.GEE} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("a sum is %v", x)
		}
	}
	if !(s.HalfLife >= 0) || math.IsInf(s.HalfLife, 0) || s.N < 0 || s.W < 0 || s.TT < 0 || s.E < 0 || s.EE < 0 || s.GEE < 0 {
		return fmt.Errorf("negative weight or half-life: %+v", *s)
	}
	if s.N > 0 && s.HalfLife == 0 {
		return fmt.Errorf("values without a half-life")
	}
	return nil
}
