package train

import (
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestBLASAgreesWithGonum compares the products of a layer, forward and back,
// in odd sizes, within what the order of the sums may differ by.
func TestBLASAgreesWithGonum(t *testing.T) {
	random := seeded(13)
	for _, c := range []struct {
		tA, tB  blas.Transpose
		m, n, k int
	}{
		{blas.NoTrans, blas.NoTrans, 37, 65, 20}, {blas.Trans, blas.NoTrans, 20, 128, 333}, {blas.NoTrans, blas.Trans, 257, 5, 32},
		{blas.Trans, blas.Trans, 7, 9, 11}, {blas.NoTrans, blas.NoTrans, 1, 1, 1},
	} {
		for _, beta := range []float32{0, 1, -0.5} {
			lda, ldb := c.k, c.n
			if c.tA == blas.Trans {
				lda = c.m
			}
			if c.tB == blas.Trans {
				ldb = c.k
			}
			a, b := normals(random, c.m*c.k), normals(random, c.k*c.n)
			got := normals(random, c.m*c.n)
			want := append([]float32(nil), got...)
			BLAS().Sgemm(c.tA, c.tB, c.m, c.n, c.k, 1.5, a, lda, b, ldb, beta, got, c.n)
			gonum.Implementation{}.Sgemm(c.tA, c.tB, c.m, c.n, c.k, 1.5, a, lda, b, ldb, beta, want, c.n)
			for i := range got {
				if !(math.Abs(float64(got[i]-want[i])) < 1e-5*float64(c.k+1)) {
					t.Fatalf("%+v, beta %v: element %d is %v; gonum says %v", c, beta, i, got[i], want[i])
				}
			}
		}
	}
}

// TestGorgoniaMultipliesWithIt: a product of Gorgonia's own runs on the BLAS
// that is installed, to the bit.
func TestGorgoniaMultipliesWithIt(t *testing.T) {
	install()
	if name := fmt.Sprintf("%T", gorgonia.WhichBLAS()); name != fmt.Sprintf("%T", BLAS()) {
		t.Fatalf("Gorgonia uses %s", name)
	}
	random := seeded(14)
	const m, n, k = 31, 47, 200
	a, b := normals(random, m*k), normals(random, k*n)
	product, err := tensor.MatMul(tensor.New(tensor.WithShape(m, k), tensor.WithBacking(a)), tensor.New(tensor.WithShape(k, n), tensor.WithBacking(b)))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, m*n)
	BLAS().Sgemm(blas.NoTrans, blas.NoTrans, m, n, k, 1, a, k, b, n, 0, want, n)
	for i, got := range product.Data().([]float32) {
		if got != want[i] {
			t.Fatalf("element %d is %v; want %v", i, got, want[i])
		}
	}
}
