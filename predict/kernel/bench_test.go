package kernel

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// origin has the shape of the origin's network.
var origin = []int{20, 128, 64, 32, 5}

// BenchmarkForward compares, in one run, the packed network with gonum's
// matrix-vector product over the same layers; ns/row is the figure.
func BenchmarkForward(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	layers := random(rng, origin...)
	network, err := Pack(layers)
	if err != nil {
		b.Fatal(err)
	}
	for _, rows := range []int{1, 10} {
		x, dst := normal(rng, rows*20), make([]float32, rows*5)
		name := map[int]string{1: "1_row", 10: "10_rows"}[rows]
		b.Run("packed/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				network.Forward(dst, x)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		})
		b.Run("gonum/"+name, func(b *testing.B) {
			b.ReportAllocs()
			var scratch [2][128]float32
			for b.Loop() {
				for r := range rows {
					gemv(dst[r*5:r*5+5], x[r*20:r*20+20], layers, &scratch)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}

func gemv(dst, x []float32, layers []Layer, scratch *[2][128]float32) {
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
