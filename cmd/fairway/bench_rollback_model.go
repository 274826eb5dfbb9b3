package main

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/fairway-mesh/fairway/model"
)

// invertedModel is the model whose weights are in the inverse proportion of m's: the
// softmax of the negative of what was learned. Nothing about it is invalid.
func invertedModel(m *model.Model) (*model.Model, error) {
	if m.Routing == nil || m.Routing.Kind != model.Softmax {
		return nil, fmt.Errorf("only a softmax network can be inverted: train one with --network softmax")
	}
	return altered(m, func(x float32, last bool) float32 {
		if last {
			return -x
		}
		return x
	}), nil
}

// retrainedModel differs from m as if it had been trained again: each parameter by
// about a hundredth.
func retrainedModel(m *model.Model, seed uint64) *model.Model {
	rng := rand.New(rand.NewPCG(seed, 0))
	return altered(m, func(x float32, _ bool) float32 { return x * float32(1+0.01*rng.NormFloat64()) })
}

// altered changes the parameters of the routing network, of which it is told whether
// they are of the last layer.
func altered(m *model.Model, change func(x float32, last bool) float32) *model.Model {
	changed, network := *m, *m.Routing
	network.Layers = slices.Clone(network.Layers)
	for k := range network.Layers {
		l := &network.Layers[k]
		last := k == len(network.Layers)-1
		l.W, l.B = slices.Clone(l.W), slices.Clone(l.B)
		for _, values := range [][]float32{l.W, l.B} {
			for i, x := range values {
				values[i] = change(x, last)
			}
		}
	}
	changed.Routing, changed.Version = &network, 0
	return &changed
}
