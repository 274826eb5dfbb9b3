package picker

import (
	"math"
	"math/bits"
)

// Alias picks positions at random in proportion to weights in the same few
// steps however many they are, and with one branch that cannot be foreseen
// where Draw has one per halving (Walker 1977; Vose, "A linear algorithm for
// generating random numbers with a given distribution", IEEE TSE 1991).
type Alias []column

// column is one of n equal parts of the unit interval: what is below keep
// belongs to its own position, the rest to another.
type column struct {
	keep  uint64 // × 2⁻⁶⁴
	other int
}

// NewAlias makes the table of weights that are finite and not negative. Weights
// that sum to 0 draw nothing.
func NewAlias(w []float64) Alias {
	sum := 0.0
	for _, x := range w {
		sum += x
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		return nil
	}
	a, left := make(Alias, len(w)), make([]float64, len(w))
	var small, large []int
	for i, x := range w {
		if left[i] = x / sum * float64(len(w)); left[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		a[s] = column{uint64(max(left[s], 0) * (1 << 64)), l}
		if left[l] -= 1 - left[s]; left[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, i := range append(large, small...) { // 1 but for the rounding
		a[i] = column{math.MaxUint64, i}
		if w[i] == 0 { // never its own: give it to one that has weight
			a[i] = column{0, heaviest(w)}
		}
	}
	return a
}

func heaviest(w []float64) int {
	best := 0
	for i := range w {
		if w[i] > w[best] {
			best = i
		}
	}
	return best
}

// Pick uses 64 random bits; −1 when there is nothing to draw.
func (a Alias) Pick(u uint64) int {
	if len(a) == 0 {
		return -1
	}
	i, rest := bits.Mul64(u, uint64(len(a)))
	c := &a[i]
	if rest < c.keep {
		return int(i)
	}
	return c.other
}
