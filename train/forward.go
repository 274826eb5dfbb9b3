package train

import (
	"fmt"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict/kernel"
)

// forward runs scaled rows through layers the way serving does.
func forward(layers []model.Layer, x []float32) ([]float32, error) {
	dense := make([]kernel.Layer, len(layers))
	for i, l := range layers {
		dense[i] = kernel.Layer{In: l.In, Out: l.Out, W: l.W, B: l.B, ReLU: l.ReLU}
	}
	n, err := kernel.Pack(dense)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	out := make([]float32, len(x)/layers[0].In*layers[len(layers)-1].Out)
	n.Forward(out, x)
	return out, nil
}
