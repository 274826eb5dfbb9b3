package main

import (
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// mostOutput is how far from 0 the outputs of an imported network may lie: some
// ten times as far as those of networks that were trained. The tails of an
// outcome network grow with its outputs and have no bound of their own, so that
// one with absurd weights would predict latencies of any length.
const mostOutput = 1000

// extremes refuses a model of which a network runs away: on the row of centers,
// or where inputs, one of them or all, are as far out as they are clipped.
func extremes(m *model.Model) error {
	if n := m.Routing; n != nil {
		for _, layers := range append([][]model.Layer{n.Layers}, n.Members...) {
			if err := runsAway(layers); err != nil {
				return fmt.Errorf("routing network: %w", err)
			}
		}
	}
	if m.Failure != nil {
		if err := runsAway(m.Failure.Layers); err != nil {
			return fmt.Errorf("failure network: %w", err)
		}
	}
	return nil
}

func runsAway(layers []model.Layer) error {
	network, err := predict.Bare(layers)
	if err != nil {
		return err
	}
	x, y := make([]float32, network.In()), make([]float32, network.Out())
	within := func() error {
		network.Forward(y, x)
		for i, v := range y {
			if !(math.Abs(float64(v)) <= mostOutput) { // NaN is not
				return fmt.Errorf("output %d is %.3g for inputs within ±%d; want at most ±%d, which trained networks do not come near", i, v, model.Clip, mostOutput)
			}
		}
		return nil
	}
	if err := within(); err != nil {
		return err
	}
	for _, edge := range []float32{-model.Clip, model.Clip} {
		for i := range x {
			x[i] = edge
			if err := within(); err != nil {
				return err
			}
			x[i] = 0
		}
		for i := range x {
			x[i] = edge
		}
		if err := within(); err != nil {
			return err
		}
		clear(x)
	}
	return nil
}
