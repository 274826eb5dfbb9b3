package features

import "math"

// mean is a discounted, weighted mean.
type mean struct{ Sum, Weight float64 }

// add discounts the past by keep and adds a value with its weight.
func (m *mean) add(keep, value, weight float64) {
	m.Sum = keep*m.Sum + weight*value
	m.Weight = keep*m.Weight + weight
}

// fade discounts the past by keep: the mean stays, its weight falls.
func (m *mean) fade(keep float64) { m.Sum, m.Weight = keep*m.Sum, keep*m.Weight }

// value is NaN while nothing was added, or nothing of it is left.
func (m *mean) value() float64 {
	if !(m.Weight > 1e-300) {
		return math.NaN()
	}
	return m.Sum / m.Weight
}

// towards is the mean shrunk to a prior that counts as much as weight.
func (m *mean) towards(prior, weight float64) float64 {
	switch {
	case isNaN(prior):
		return m.value()
	case !(m.Weight > 1e-300):
		return prior
	}
	return (m.Sum + weight*prior) / (m.Weight + weight)
}

// gauge is a number with its last value and its slow level.
type gauge struct {
	Last float64
	Past mean
}

// see takes a value; NaN leaves the gauge as it is.
func (g *gauge) see(keep, value float64) {
	if !isNaN(value) {
		g.Last = value
		g.Past.add(keep, value, 1-keep)
	}
}

// versusPast is the last value minus the slow level.
func (g *gauge) versusPast() float64 { return g.Last - g.Past.value() }

// unseen is a gauge that nothing was seen of.
var unseen = gauge{Last: math.NaN()}

// keeps is the discount per window of a time constant in windows.
func keeps(windows float64) float64 { return math.Exp(-1 / windows) }

// angle makes ratios of like noise: a step from 0 to 1 % counts as much as one
// from 30 to 40 % (Anscombe, Biometrika 35, 1948).
func angle(ratio float64) float64 { return math.Asin(math.Sqrt(ratio)) }

func isNaN(x float64) bool { return x != x }

// first returns the first that is not NaN.
func first(values ...float64) float64 {
	for _, v := range values {
		if !isNaN(v) {
			return v
		}
	}
	return math.NaN()
}

// guess is a discounted mean that counts as a few windows of its time constant.
func guess(value, windows float64) mean {
	const few = 5
	return mean{few * value * (1 - keeps(windows)), few * (1 - keeps(windows))}
}
