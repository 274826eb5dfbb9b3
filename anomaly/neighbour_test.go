package anomaly

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// nearest is the distance by trying all stretches of the recent past.
func nearest(values []float64, length, history int) float64 {
	values = values[max(0, len(values)-length-history):]
	end := len(values) - length
	best := math.Inf(1)
	for begin := 0; begin <= end-length; begin++ {
		sum := 0.0
		for i := range length {
			d := values[begin+i] - values[end+i]
			sum += d * d
		}
		best = min(best, sum)
	}
	return math.Sqrt(best / float64(length))
}

func TestNeighbours(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	n, seen := newNeighbours(4, 20), []float64(nil)
	for k := range 200 {
		v := r.NormFloat64()
		seen = append(seen, v)
		d, ok := n.push(v)
		if want := k+1 >= 3*4+settle; ok != want {
			t.Fatalf("value %d: compared %v; want %v", k, ok, want)
		}
		if ok && math.Abs(d-nearest(seen, 4, 20)) > 1e-12 {
			t.Fatalf("value %d: %v; want %v", k, d, nearest(seen, 4, 20))
		}
		if want := seen[max(0, len(seen)-24):]; !slices.Equal(n.recent(), want) {
			t.Fatalf("value %d: %v is recalled; want %v", k, n.recent(), want)
		}
	}
}

// TestShape: a golden metric that stops its rhythm is strange, although none of
// its values is; another metric is not.
func TestShape(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Golden = []int{1, 7} // there is no metric 7
	tracker, dst := New(2, cfg), make([]float64, 2)
	r := rand.New(rand.NewPCG(2, 2))
	for k := range 1200 {
		v := math.Sin(float64(k)/3) + 0.05*r.NormFloat64()
		if k >= 1180 {
			v = 0.05 * r.NormFloat64()
		}
		tracker.Push(dst, math.NaN(), []float64{v, v})
	}
	if dst[1] < 0.5 || dst[0] > 0.5 {
		t.Errorf("a flat line after a rhythm has surprises %.2f and, golden, %.2f", dst[0], dst[1])
	}
}
