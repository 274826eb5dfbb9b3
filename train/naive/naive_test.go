package naive

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestLearns: what is measured must be a program that learns.
func TestLearns(t *testing.T) {
	const batch, rows, in, out = 32, 512, 4, 3
	p, err := New([]int{in, 16, out}, 1, 0.2, 5e-3, batch)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	random := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float32, rows*in), make([]float32, rows*out)
	for r := range rows {
		best := 0
		for i := range in {
			x[r*in+i] = random.Float32()
			if i < out && x[r*in+i] > x[r*in+best] {
				best = i
			}
		}
		y[r*out+best] = 1
	}
	first, last := 0.0, 0.0
	for epoch := range 60 {
		loss, err := p.Epoch(x, y)
		if err != nil {
			t.Fatal(err)
		}
		if epoch == 0 {
			first = loss
		}
		last = loss
	}
	if math.IsNaN(last) || !(last < first) {
		t.Errorf("loss went from %v to %v; want less", first, last)
	}
}
