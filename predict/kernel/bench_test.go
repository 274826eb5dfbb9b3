package kernel_test

import (
	"fmt"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/fairway-mesh/fairway/predict/kernel"
	"github.com/fairway-mesh/fairway/predict/kernel/origin"
)

// BenchmarkForward compares, in one run, the packed network with the same in Go
// alone, and with gonum's matrix-vector product over the same layers. The
// weights were trained; ns/row is the figure. `fairway bench network` has them
// take turns, and ONNX Runtime beside them.
func BenchmarkForward(b *testing.B) {
	layers, inputs := origin.Train(1)
	network, err := kernel.Pack(layers)
	if err != nil {
		b.Fatal(err)
	}
	var scratch [2][128]float32
	for _, rows := range []int{1, 10, 100, 1000} {
		x, dst := inputs[:rows*20], make([]float32, rows*5)
		for name, forward := range map[string]func(dst, x []float32){
			"packed": network.Forward, "portable": network.Portable().Forward,
			"gonum": func(dst, x []float32) {
				for r := range rows {
					gemv(dst[r*5:r*5+5], x[r*20:r*20+20], layers, &scratch)
				}
			},
		} {
			b.Run(fmt.Sprintf("%s/rows=%d", name, rows), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					forward(dst, x)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
			})
		}
	}
}

func gemv(dst, x []float32, layers []kernel.Layer, scratch *[2][128]float32) {
	for i, l := range layers {
		y := scratch[i%2][:l.Out]
		copy(y, l.B)
		blas32.Gemv(blas.NoTrans, 1, blas32.General{Rows: l.Out, Cols: l.In, Stride: l.In, Data: l.W},
			blas32.Vector{N: l.In, Inc: 1, Data: x}, 1, blas32.Vector{N: l.Out, Inc: 1, Data: y})
		if l.ReLU {
			for j, v := range y {
				if v < 0 {
					y[j] = 0
				}
			}
		}
		x = y
	}
	copy(dst, x)
}
