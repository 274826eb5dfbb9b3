package train

import (
	"math"
	"math/rand/v2"

	"github.com/fairway-mesh/fairway/model"
)

// trunk are the origin's hidden layers, and droppedLayers how many of them
// have dropout after them.
var trunk = []int{128, 64, 32}

const droppedLayers = 2

// initial draws hidden weights after He et al., "Delving deep into rectifiers"
// (ICCV 2015). The last layer begins at zero: an untrained network says the
// same of everything.
func initial(random *rand.Rand, widths ...int) []model.Layer {
	layers := make([]model.Layer, len(widths)-1)
	for i := range layers {
		l := model.Layer{In: widths[i], Out: widths[i+1], ReLU: i < len(layers)-1}
		l.W, l.B = make([]float32, l.In*l.Out), make([]float32, l.Out)
		if l.ReLU {
			spread := math.Sqrt(2 / float64(l.In))
			for j := range l.W {
				l.W[j] = float32(spread * random.NormFloat64())
			}
		}
		layers[i] = l
	}
	return layers
}
