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

// TestPowerOfTwoDrawsDistinctOnes: of three endpoints two of which are free, a
// busy one is never picked; alone with a weight it is.
func TestPowerOfTwoDrawsDistinctOnes(t *testing.T) {
	p := NewPowerOfTwo(3, mesh.Weights{0.8, 0.1, 0.1}, 4)
	busy := p.Pick(0, nil)
	for range 10_000 {
		i := p.Pick(0, nil)
		if i == busy {
			t.Fatalf("endpoint %d was drawn twice", busy)
		}
		p.Done(0, i, mesh.Outcome{})
	}
	p.Update(mesh.Weights{0, 1, 0})
	for range 3 {
		if i := p.Pick(0, nil); i != 1 {
			t.Fatalf("picked %d; want 1, which is alone", i)
		}
	}
}

// TestPowerOfTwoByWeight: the pair that is drawn has the probabilities that the
// comment of NewPowerOfTwo tells. Where endpoint 0 is always busy it is picked
// never, and the other two share what there is as first or second.
func TestPowerOfTwoByWeight(t *testing.T) {
	w := mesh.Weights{0.5, 0.3, 0.2}
	p := NewPowerOfTwo(3, w, 5)
	p.Update(mesh.Weights{1, 0, 0})
	for range 3 {
		p.Pick(0, nil)
	}
	p.Update(w)
	const n = 200_000
	ones := 0
	for range n {
		i := p.Pick(0, nil)
		if i == 0 {
			t.Fatal("the busy endpoint was picked")
		}
		ones += i % 2
		p.Done(0, i, mesh.Outcome{})
	}
	// 1 is picked as the first, or as the second after 0.
	want := 0.3 + 0.5*0.3/0.5
	if got := float64(ones) / n; math.Abs(got-want) > 0.005 {
		t.Errorf("endpoint 1 was picked %v of the time; want %v", got, want)
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
