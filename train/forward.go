package train

import (
	"fmt"

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
	if len(out) > 0 {
		n.Forward(out, x)
	}
	return out, nil
}
