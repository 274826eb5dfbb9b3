package picker

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestAlias: the parts of the unit interval that belong to a position are its
// weight, and nothing belongs to one without.
func TestAlias(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	cases := [][]float64{{1}, {0, 1}, {0.5, 0.5}, {0.1, 0.2, 0.7}, {3, 0, 1e-12, 5}, {1e-300, 1e-300}, {1.0 / 3, 1.0 / 3, 1.0 / 3}}
	for range 200 {
		w := make([]float64, 1+r.IntN(60))
		for i := range w {
			if r.IntN(4) > 0 {
				w[i] = r.ExpFloat64()
			}
		}
		w[r.IntN(len(w))]++
		cases = append(cases, w)
	}
	for _, w := range cases {
		a := NewAlias(w)
		got, sum := make([]float64, len(w)), 0.0
		for i, c := range a {
			got[i] += float64(c.keep) / (1 << 64) / float64(len(a))
			got[c.other] += (1 - float64(c.keep)/(1<<64)) / float64(len(a))
			sum += w[i]
		}
		for i := range w {
			if math.Abs(got[i]-w[i]/sum) > 1e-12 || w[i] == 0 && got[i] != 0 {
				t.Errorf("weights %v: position %d is drawn with %v", w, i, got[i])
			}
		}
		for _, u := range []uint64{0, 1, 1 << 63, math.MaxUint64, r.Uint64()} {
			if i := a.Pick(u); i < 0 || i >= len(w) || w[i] == 0 {
				t.Errorf("weights %v: %d draws %d", w, u, i)
			}
		}
	}
	for _, w := range [][]float64{nil, {0}, {0, 0}, {math.NaN()}, {math.Inf(1), 1}} {
		if i := NewAlias(w).Pick(7); i != -1 {
			t.Errorf("weights %v draw %d", w, i)
		}
	}
}
