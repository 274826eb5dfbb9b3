// Package kernel holds the few vector kernels that inference and training are
// made of: numbers in, numbers out, no knowledge of meshes.
//
// On amd64 with AVX2 and FMA they are assembly, which the program in the folder
// avo writes, and use AVX-512 where there is some, with the same results to the
// bit. Elsewhere they are Go, and agree within rounding. GODEBUG=cpu.avx512f=off
// and GODEBUG=cpu.avx2=off in the environment do without.
package kernel

import (
	"fmt"
	"math"
)

// Layer computes y = W·x + B, then max(y, 0) if ReLU. NaN stays NaN.
type Layer struct {
	In, Out int
	W       []float32 // Out × In, row by row
	B       []float32 // Out
	ReLU    bool
}

// check reports a layer that does not follow on one with `in` outputs, whose
// slices do not have its shape, or which is not finite.
func (l *Layer) check(in int) error {
	switch {
	case l.In <= 0 || l.Out <= 0 || l.In > math.MaxInt32 || l.Out > math.MaxInt32/l.In:
		return fmt.Errorf("shape %d → %d is out of range", l.In, l.Out)
	case l.In != in:
		return fmt.Errorf("takes %d inputs; %d come in", l.In, in)
	case len(l.W) != l.In*l.Out || len(l.B) != l.Out:
		return fmt.Errorf("%d weights and %d biases; %d → %d needs %d and %d", len(l.W), len(l.B), l.In, l.Out, l.In*l.Out, l.Out)
	}
	for _, values := range [][]float32{l.W, l.B} {
		for i, v := range values {
			if v-v != 0 {
				return fmt.Errorf("parameter %d is %v; want a finite number", i, v)
			}
		}
	}
	return nil
}
