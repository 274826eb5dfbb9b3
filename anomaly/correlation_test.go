package anomaly

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Two loads drive eight metrics; once they are learned a move along both is
// explained and one against them is not.
func TestCorrelationLearnsJointMoves(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	c := NewCorrelation(8, 2)
	x, rest := make([]float64, 8), make([]float64, 8)
	draw := func() {
		a, b := 3*r.NormFloat64(), 2*r.NormFloat64()
		for j := range x {
			x[j] = a
			if j%2 == 1 {
				x[j] = -b
			}
			x[j] += 0.1 * r.NormFloat64()
		}
	}
	for range 5000 {
		draw()
		c.Learn(x, 1<<12)
	}
	sum := 0.0
	for range 100 {
		draw()
		sum += c.Residual(rest, x) / 100
	}
	if sum > 0.05 {
		t.Errorf("of usual moves %v remain", sum)
	}
	for j := range x {
		x[j] = 4 * math.Pow(-1, float64(j/2))
	}
	if share := c.Residual(rest, x); share < 0.9 {
		t.Errorf("of a broken bond only %v remain", share)
	}
	if share := c.Residual(x, x); share < 0.9 || x[0] != rest[0] {
		t.Error("residual in place differs")
	}
}

func TestCorrelationBoundaries(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3} {
		c := NewCorrelation(n, 2)
		x, rest := make([]float64, n), make([]float64, n)
		if s := c.Residual(rest, x); s != 0 {
			t.Errorf("%d metrics at their level: share %v", n, s)
		}
		for k := range 200 {
			for j := range x {
				x[j] = limited(float64(k - 100))
			}
			c.Learn(x, 100)
			c.Learn(make([]float64, n), 100) // nothing moves
		}
		if n == 1 && c.Residual(rest, x) != 1 {
			t.Error("one metric has nobody to move with: all of it remains")
		}
		if err := c.check(); err != nil {
			t.Errorf("%d metrics: %v", n, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a vector of another length was taken")
		}
	}()
	NewCorrelation(3, 1).Learn(make([]float64, 2), 10)
}
