package train

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"
)

// TestAdamFollowsThePaper compares steps with the formulas of the paper in
// float64.
func TestAdamFollowsThePaper(t *testing.T) {
	const rate = 0.01
	g := gorgonia.NewGraph()
	var grad []float32
	node := input(g, "gradient", &grad, 4)
	p := param{value: []float32{1, -2, 0, 3}, grad: node}
	a := newAdam([]param{p}, rate)
	random := seeded(15)
	var m, v [4]float64
	want := [4]float64{1, -2, 0, 3}
	for step := 1.0; step <= 50; step++ {
		copy(grad, normals(random, 3)) // the last has no gradient
		a.step()
		for i, g := range grad {
			m[i] = 0.9*m[i] + 0.1*float64(g)
			v[i] = 0.999*v[i] + 0.001*float64(g)*float64(g)
			want[i] -= rate * (m[i] / (1 - math.Pow(0.9, step))) / (math.Sqrt(v[i]/(1-math.Pow(0.999, step))) + 1e-8)
			if math.Abs(want[i]-float64(p.value[i])) > 1e-5 {
				t.Fatalf("step %v: value %d is %v; want %v", step, i, p.value[i], want[i])
			}
		}
	}
}
