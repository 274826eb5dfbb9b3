package features

import (
	"math"
	"testing"
)

// TestSpread has cases worked out by hand after DerSimonian and Laird: with
// weights w = 1/v, Q = Σ w(x − x̄)², between = (Q − (n−1)) / (Σw − Σw²/Σw).
func TestSpread(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name            string
		values          []float64
		variances       []float64
		middle, between float64
	}{
		{"none", nil, nil, nan, 0},
		{"nothing known of any", []float64{nan, nan}, []float64{1, 1}, nan, 0},
		{"one", []float64{3}, []float64{2}, 3, 0},
		{"equal", []float64{2, 2, 2}, []float64{1, 2, 3}, 2, 0},
		// Q = 0.5 is less than chance brings.
		{"within chance", []float64{1, 2}, []float64{1, 1}, 1.5, 0},
		{"within chance, by their weights", []float64{0, 3}, []float64{1, 8}, 3.0 / 9, 0},
		// Q = 1 + 1, (2 − 1)/(2 − 2/2).
		{"two apart", []float64{1, 3}, []float64{1, 1}, 2, 1},
		{"an unknown one between", []float64{1, nan, 3}, []float64{1, 1, 1}, 2, 1},
		// x̄ = 12/7, Q = 117/14, (117/14 − 2)/(7/4 − 3/4) = 89/14; then weights of 1/(v + 89/14).
		{"three, unequally sure", []float64{0, 3, 6}, []float64{1, 2, 4}, (3.0/117 + 6.0/145) / (1.0/103 + 1.0/117 + 1.0/145), 89.0 / 14},
		// Far apart each counts alike, whatever it rests on.
		{"far apart", []float64{-1000, 1000}, []float64{1, 100}, 0, 2e6},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []*memory
			at := map[*memory]int{}
			for i := range c.values {
				m := &memory{}
				at[m], all = i, append(all, m)
			}
			middle, between := spread(all, func(m *memory) (float64, float64) { return c.values[at[m]], c.variances[at[m]] })
			if isNaN(c.middle) {
				if !isNaN(middle) || between != 0 {
					t.Errorf("%v, %v; want that nothing is known", middle, between)
				}
				return
			}
			within(t, "the middle", middle, c.middle, 1e-9+1e-4*math.Sqrt(c.between))
			within(t, "the variance between", between, c.between, 1e-9+1e-3*c.between)
		})
	}
}

func TestTowards(t *testing.T) {
	for _, c := range []struct{ x, variance, middle, between, want float64 }{
		{4, 1, 0, 3, 3},    // three parts of four
		{4, 3, 0, 1, 1},    // the less it is known the less it counts
		{4, 1, 2, 0, 2},    // all alike: the middle
		{4, 1e12, 2, 1, 2}, // hardly known: the middle
		{4, 0, 2, 1, 4},    // known exactly: itself
		{-1, 2, 5, 2, 2},   // half of either
	} {
		within(t, "the posterior mean", towards(c.x, c.variance, c.middle, c.between), c.want, 1e-9)
	}
}

// TestTypical: the median of squares, so that one endpoint that changes does not
// hide what is usual.
func TestTypical(t *testing.T) {
	if got := typical(nil); !isNaN(got) {
		t.Errorf("of nothing it is %v", got)
	}
	within(t, "of one", typical([]float64{0.91}), 2, 1e-9)
	within(t, "of two", typical([]float64{0.91, 0}), 1, 1e-9)
	within(t, "of three", typical([]float64{1e9, 0, 0.455}), 1, 1e-9)
}
