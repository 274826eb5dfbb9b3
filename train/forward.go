package train

import (
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// forward runs scaled rows through layers the way serving does.
func forward(layers []model.Layer, x []float32) ([]float32, error) {
	n, err := predict.Bare(layers)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	out := make([]float32, len(x)/layers[0].In*layers[len(layers)-1].Out)
	n.Forward(out, x)
	return out, nil
}

// finite reports whether no weight has run away.
func finite(layers []model.Layer) bool {
	for _, l := range layers {
		for _, list := range [2][]float32{l.W, l.B} {
			for _, v := range list {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					return false
				}
			}
		}
	}
	return true
}
