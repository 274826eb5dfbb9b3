package backprop

import "math"

// activate is the ReLU with biases and a dropout mask.
func activate(z, bias, mask []float32) {
	z, mask = z[:len(bias)], mask[:len(bias)]
	for i, b := range bias {
		z[i] = max(z[i]+b, 0) * mask[i]
	}
}

// deactivate turns the derivative by out, which activate has made, into that
// by what went into the ReLU: 0 where out is 0. It selects by bits, since a
// branch would be mispredicted half of the time.
func deactivate(grad, out, mask []float32) {
	out, mask = out[:len(grad)], mask[:len(grad)]
	for i, g := range grad {
		bits := math.Float32bits(out[i])
		grad[i] = math.Float32frombits(math.Float32bits(g*mask[i]) & uint32(int32(bits|-bits)>>31))
	}
}
