package main

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

func framesOf(t *testing.T, m *model.Model, r *datasets.Recording) []*features.Frame {
	t.Helper()
	var frames []*features.Frame
	extractor := features.New(m.FeatureConfig())
	for w, err := range r.Windows(t.Context(), m.Timing) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := extractor.Push(w)
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f.Clone())
	}
	return frames
}

// rowsOf has the named columns of each endpoint of each frame.
func rowsOf(columns []string, frames []*features.Frame) []float32 {
	var x []float32
	for _, f := range frames {
		for i := range f.Endpoints {
			for _, name := range columns {
				x = append(x, f.Row(i)[f.Column(name)])
			}
		}
	}
	return x
}

// routingRows are of each endpoint or, of a fixed5 network, of each frame; then
// a route that is not there has the center of each column, as docs/onnx.md says.
func routingRows(n *model.Network, frames []*features.Frame) []float32 {
	if n.Kind != model.Fixed5 {
		return rowsOf(n.Columns, frames)
	}
	var x []float32
	for _, f := range frames {
		for _, route := range n.Routes {
			i := f.Find(route)
			for j, name := range n.Columns {
				v := n.Scaler.Center[j]
				if i >= 0 {
					v = f.Row(i)[f.Column(name)]
				}
				x = append(x, v)
			}
		}
	}
	return x
}

// wildRows has values from where the scaler expects them, and some that are
// unknown, infinite or far out.
func wildRows(rng *rand.Rand, s *model.Scaler, rows int) []float32 {
	var x []float32
	for range rows {
		for i, center := range s.Center {
			v := float64(center) + 2*rng.NormFloat64()*float64(s.Scale[i])
			switch rng.IntN(20) {
			case 0:
				v = math.NaN()
			case 1:
				v *= 1e6
			case 2:
				v = math.Inf(1 - 2*rng.IntN(2))
			}
			x = append(x, float32(v))
		}
	}
	return x
}
