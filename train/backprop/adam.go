package backprop

import "math"

// adam is Kingma and Ba's optimiser with the usual constants, in float32.
type adam struct {
	rate           float64
	power1, power2 float64 // β₁ᵗ, β₂ᵗ
	of             []moments
}

type moments struct{ value, grad, first, second []float32 }

func (a *adam) add(value, grad []float32) {
	a.of = append(a.of, moments{value, grad, make([]float32, len(value)), make([]float32, len(value))})
}

func (a *adam) step() {
	a.power1 *= 0.9
	a.power2 *= 0.999
	correction := math.Sqrt(1 - a.power2)
	rate, epsilon := float32(a.rate*correction/(1-a.power1)), float32(1e-8*correction)
	for k := range a.of {
		p := &a.of[k]
		grad, first, second := p.grad[:len(p.value)], p.first[:len(p.value)], p.second[:len(p.value)]
		for i, v := range p.value {
			g := grad[i]
			first[i] += float32((1 - 0.9) * (g - first[i]))
			second[i] += float32((1 - 0.999) * (float32(g*g) - second[i]))
			p.value[i] = v - float32(rate*first[i]/(float32(math.Sqrt(float64(second[i])))+epsilon))
		}
	}
}
