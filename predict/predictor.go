package predict

import (
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict/kernel"
)

// Predictor is a compiled model. It has scratch memory of its own: one per
// goroutine.
type Predictor struct{}

// Compile checks m and packs its networks.
func Compile(m *model.Model) (*Predictor, error) { return &Predictor{}, nil }

// Bare packs layers alone, for whoever wants to run a network over rows that
// are scaled already.
func Bare(layers []model.Layer) (*kernel.Network, error) { return nil, nil }

// Predict writes a prediction for each endpoint of f at load requests/s per
// endpoint; nil is the load of the frame's window.
func (p *Predictor) Predict(dst []Prediction, f *features.Frame, load []float64) error { return nil }

// Curves writes the answer to load of each endpoint of f.
func (p *Predictor) Curves(dst []Curve, f *features.Frame) error { return nil }

// Forecast writes the failure forecast of each endpoint of f.
func (p *Predictor) Forecast(dst []Failure, f *features.Frame) error { return nil }

// Familiar returns ErrUnfamiliar when f is far from what was trained on.
func (p *Predictor) Familiar(f *features.Frame) error { return nil }
