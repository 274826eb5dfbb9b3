package train

import (
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gorgonia.org/gorgonia"
)

// blocked is gonum's BLAS.
type blocked struct{ gonum.Implementation }

// install gives Gorgonia the BLAS of this package, once: gorgonia.Use is global
// to the process.
var install = sync.OnceFunc(func() { gorgonia.Use(blocked{}) })

// BLAS is what the machine multiplies with.
func BLAS() blas.Float32 { return blocked{} }
