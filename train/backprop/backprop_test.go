package backprop

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas/gonum"

	"github.com/fairway-mesh/fairway/model"
)

func normals(random *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(random.NormFloat64())
	}
	return out
}

// squares is half the squared distance from the target.
func squares(out, target, grad []float32) float64 {
	sum := 0.0
	for i, y := range out {
		grad[i] = y - target[i]
		sum += float64(grad[i]) * float64(grad[i]) / 2
	}
	return sum
}

func small(t *testing.T, rate float64) *Network {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	var layers []model.Layer
	for i, widths := range [][2]int{{3, 6}, {6, 5}, {5, 2}} {
		layers = append(layers, model.Layer{In: widths[0], Out: widths[1], ReLU: i < 2, W: normals(random, widths[0]*widths[1]), B: normals(random, widths[1])})
	}
	n, err := New(layers, squares, 2, 4, 1, gonum.Implementation{}, rate)
	if err != nil {
		t.Fatal(err)
	}
	copy(n.X, normals(random, len(n.X)))
	copy(n.Target, normals(random, len(n.Target)))
	for _, mask := range n.Masks {
		for i := range mask {
			mask[i] = float32(random.IntN(3)) / 2
		}
	}
	return n
}

// TestGradients compares with finite differences of the loss.
func TestGradients(t *testing.T) {
	n := small(t, 0)
	n.forward()
	n.backward()
	for k := range n.adam.of {
		p := n.adam.of[k]
		grads := append([]float32(nil), p.grad...)
		for i, got := range grads {
			const step = 1.0 / 256
			was := p.value[i]
			p.value[i] = was + step
			up := n.forward()
			p.value[i] = was - step
			down := n.forward()
			p.value[i] = was
			if numeric := (up - down) / (2 * step); math.Abs(numeric-float64(got)) > 5e-3*(1+math.Abs(numeric)) {
				t.Errorf("parameter %d[%d]: gradient %v, finite difference %v", k, i, got, numeric)
			}
		}
	}
}

// TestAdam compares ten steps with the formulas of the paper in float64.
func TestAdam(t *testing.T) {
	const rate = 0.01
	n := small(t, rate)
	p := &n.adam.of[0]
	value, m, v := float64(p.value[1]), 0.0, 0.0
	for step := 1.0; step <= 10; step++ {
		n.Step()
		g := float64(p.grad[1])
		m, v = 0.9*m+0.1*g, 0.999*v+0.001*g*g
		value -= rate * (m / (1 - math.Pow(0.9, step))) / (math.Sqrt(v/(1-math.Pow(0.999, step))) + 1e-8)
		if math.Abs(value-float64(p.value[1])) > 1e-5 {
			t.Fatalf("step %v: %v; want %v", step, p.value[1], value)
		}
	}
	if p.value[1] == 0 || m == 0 {
		t.Error("the weight has no gradient: this shows nothing")
	}
}

func TestLearns(t *testing.T) {
	n := small(t, 0.02)
	first := n.Step()
	last := first
	for range 300 {
		last = n.Step()
	}
	if !(last < 0.2*first) {
		t.Errorf("loss went from %v to %v", first, last)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(nil, squares, 2, 4, 1, gonum.Implementation{}, 1); err == nil {
		t.Error("a network without layers is taken")
	}
}
