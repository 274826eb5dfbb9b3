package train

import "math"

// adam is the optimiser of Kingma and Ba, "Adam: a method for stochastic
// optimization" (ICLR 2015), in float32 and in the order of the params, so
// that equal gradients give equal weights.
type adam struct {
	params       []param
	first        [][]float32
	second       [][]float32
	rate         float64
	power1, pow2 float64
}

const beta1, beta2, adamEpsilon = 0.9, 0.999, 1e-8

func newAdam(params []param, rate float64) *adam {
	a := &adam{params: params, rate: rate, power1: 1, pow2: 1}
	for _, p := range params {
		a.first = append(a.first, make([]float32, len(p.value)))
		a.second = append(a.second, make([]float32, len(p.value)))
	}
	return a
}

// step moves every param against the gradient of the last run.
func (a *adam) step() {
	a.power1 *= beta1
	a.pow2 *= beta2
	rate := float32(a.rate * math.Sqrt(1-a.pow2) / (1 - a.power1))
	epsilon := float32(adamEpsilon * math.Sqrt(1-a.pow2))
	for i, p := range a.params {
		descent(p.value, floats(p.grad.Value()), a.first[i], a.second[i], rate, epsilon)
	}
}

// descent is one step of the values of one param. The conversions forbid the
// compiler to fuse a product and a sum, as it may elsewhere than on amd64:
// models are equal to the bit.
func descent(value, grad, first, second []float32, rate, epsilon float32) {
	n := len(value)
	grad, first, second = grad[:n], first[:n], second[:n]
	for i, g := range grad {
		m := first[i] + float32((1-beta1)*(g-first[i]))
		v := second[i] + float32((1-beta2)*(float32(g*g)-second[i]))
		first[i], second[i] = m, v
		value[i] -= float32(rate * m / (float32(math.Sqrt(float64(v))) + epsilon))
	}
}
