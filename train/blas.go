package train

import (
	"sync"

	"gonum.org/v1/gonum/blas/gonum"
	"gorgonia.org/gorgonia"
)

// blocked is gonum's BLAS.
type blocked struct{ gonum.Implementation }

// install gives Gorgonia the BLAS of this package.
var install = sync.OnceFunc(func() { gorgonia.Use(blocked{}) })
