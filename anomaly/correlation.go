package anomaly

import (
	"fmt"
	"math"
)

// Correlation is a streaming principal component analysis: it learns along
// which few directions the metrics of an endpoint usually move together (more
// load raises most of them), so that what remains of a vector without those
// moves says that a bond between metrics has broken. Memory is constant:
// metrics × rank numbers.
//
// The rule is the candid covariance-free one of Weng, Zhang and Hwang (IEEE
// PAMI 25, 2003): Oja's, with the step chosen by the variance itself.
type Correlation struct {
	metrics, rank int
	n             float64
	axes          []float64 // rank × metrics; the length of one is its variance
	rest          []float64 // scratch
}

// NewCorrelation returns a correlation of that many metrics without a past,
// which explains nothing. It panics on negative numbers. A rank that is not
// below the number of metrics, and would explain everything, is lowered.
func NewCorrelation(metrics, rank int) *Correlation {
	if metrics < 0 || rank < 0 {
		panic(fmt.Sprintf("anomaly: correlation of %d metrics with rank %d", metrics, rank))
	}
	rank = min(rank, max(metrics-1, 0))
	return &Correlation{metrics: metrics, rank: rank, axes: make([]float64, rank*metrics), rest: make([]float64, metrics)}
}

// Len is how many metrics there are.
func (c *Correlation) Len() int { return c.metrics }

// Residual writes to dst what remains of x when the usual joint moves are
// subtracted, and returns its share of the length of x, squared: near 1 when x
// moves as the metrics never do, 0 when x is zero. Both have a place for each
// metric, without NaN (0 stands for a metric at its level); they may be the
// same slice. It does not learn.
func (c *Correlation) Residual(dst, x []float64) (share float64) {
	c.mustFit(dst)
	c.mustFit(x)
	total := dot(x, x)
	copy(dst, x)
	for k := range c.rank {
		axis := c.axis(k)
		if length := dot(axis, axis); length > 0 {
			subtract(dst, dot(axis, dst)/length, axis)
		}
	}
	if !(total > 0) {
		return 0
	}
	return min(dot(dst, dst)/total, 1)
}

// Learn makes x part of the past, as one of the newest memory vectors.
func (c *Correlation) Learn(x []float64, memory float64) {
	c.mustFit(x)
	c.n++
	weight := max(1/c.n, 1/memory)
	copy(c.rest, x)
	for k := range c.rank {
		axis := c.axis(k)
		length := math.Sqrt(dot(axis, axis))
		if length == 0 { // the first vector that is not explained is an axis
			copy(axis, c.rest)
			return
		}
		along := dot(axis, c.rest) / length
		for j := range axis {
			axis[j] += weight * (along*c.rest[j] - axis[j])
		}
		if length := dot(axis, axis); length > 0 {
			subtract(c.rest, dot(axis, c.rest)/length, axis)
		}
	}
}

func (c *Correlation) axis(k int) []float64 { return c.axes[k*c.metrics : (k+1)*c.metrics] }

func (c *Correlation) mustFit(x []float64) {
	if len(x) != c.metrics {
		panic(fmt.Sprintf("anomaly: %d values for a correlation of %d metrics", len(x), c.metrics))
	}
}

// check reports axes that no sequence of vectors leaves behind.
func (c *Correlation) check() error {
	if !(c.n >= 0) || math.IsInf(c.n, 0) {
		return fmt.Errorf("correlation of %v vectors", c.n)
	}
	for i, a := range c.axes {
		if !(math.Abs(a) <= farthestAxis) {
			return fmt.Errorf("axis %d of the correlation has %v", i/c.metrics, a)
		}
	}
	return nil
}

// farthestAxis bounds what a saved axis may hold: squares of it stay finite.
const farthestAxis = 1e12

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func subtract(dst []float64, times float64, from []float64) {
	for i, v := range from {
		dst[i] -= times * v
	}
}
