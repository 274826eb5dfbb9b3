package picker

import (
	"math"
	"slices"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestPickers(t *testing.T) {
	weights := mesh.Weights{0.7, 0.2, 0.1, 0}
	for name, p := range map[string]Picker{"weighted": NewWeighted(weights, 1), "power of two": NewPowerOfTwo(4, weights, 1)} {
		counts := make([]float64, 4)
		for range 100_000 {
			i := p.Pick(0, nil)
			counts[i]++
			p.Done(0, i, mesh.Outcome{})
		}
		for i, w := range weights { // with nothing in flight, power of two is a draw too
			if got := counts[i] / 100_000; math.Abs(got-w) > 0.005 {
				t.Errorf("%s: endpoint %d was picked %v of the time; want %v", name, i, got, w)
			}
		}
		p.Update(mesh.Weights{0, 0, 0, 1, 0})
		if got := p.Pick(0, nil); got != 3 {
			t.Errorf("%s: after an update %d", name, got)
		}
		p.Update(nil)
		if got := p.Pick(0, nil); got != -1 {
			t.Errorf("%s: without endpoints %d", name, got)
		}
	}
	var a, b []int
	p, q := NewPowerOfTwo(5, nil, 9), NewPowerOfTwo(5, nil, 9)
	for range 50 {
		a, b = append(a, p.Pick(0, nil)), append(b, q.Pick(0, nil))
	}
	if !slices.Equal(a, b) {
		t.Error("equal seeds, other picks")
	}
}

// TestPowerOfTwoEvensOut: where nothing ever ends, two choices keep the counts
// far closer together than one.
func TestPowerOfTwoEvensOut(t *testing.T) {
	spread := func(p Picker) int {
		counts := make([]int, 20)
		for range 20_000 {
			counts[p.Pick(0, nil)]++
		}
		return slices.Max(counts) - slices.Min(counts)
	}
	equal := make(mesh.Weights, 20)
	equal.Equal()
	if one, two := spread(NewWeighted(equal, 3)), spread(NewPowerOfTwo(20, nil, 3)); two > 10 || one < 40 {
		t.Errorf("spread %d with one choice, %d with two", one, two)
	}
}

func FuzzDraw(f *testing.F) {
	f.Add(uint64(0), 0.5, 0.25, 0.25)
	f.Add(^uint64(0), 1e-300, 0.0, 1e300)
	f.Fuzz(func(t *testing.T, u uint64, a, b, c float64) {
		w := mesh.Weights{a, b, c}
		w.Normalize()
		i := NewDraw(nil, w).Pick(u)
		if i < 0 || i > 2 || w[i] == 0 {
			t.Fatalf("picked %d of %v", i, w)
		}
	})
}
