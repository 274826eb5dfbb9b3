package train

import (
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gorgonia.org/gorgonia"

	"github.com/fairway-mesh/fairway/predict/kernel"
)

// blocked is gonum's BLAS with the matrix products of the kernels that serving
// runs on. They stay on the caller's goroutine and are equal to the bit
// whatever GOMAXPROCS is, as gonum's are.
type blocked struct{ gonum.Implementation }

// Sgemm implements blas.Float32Level3. It panics when the lengths do not fit.
func (blocked) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	kernel.Gemm(tA != blas.NoTrans, tB != blas.NoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// install gives Gorgonia the BLAS of this package, once. gorgonia.Use is global
// to the process: whatever else in it runs on Gorgonia multiplies with these
// kernels from then on, unless it calls gorgonia.Use itself.
var install = sync.OnceFunc(func() { gorgonia.Use(blocked{}) })

// BLAS is what training multiplies with.
func BLAS() blas.Float32 { return blocked{} }
