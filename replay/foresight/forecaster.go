package foresight

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// Forecast is what is foretold of one endpoint.
type Forecast struct {
	// Score, 0 to 1, is the higher the likelier it fails within the horizon;
	// NaN where nothing can be said, which raises no alarm.
	Score float64
	// Time is when it fails if it does: the 10, 50 and 90 % quantiles in
	// seconds after the decision; NaN where nothing is said of it.
	Time [3]float64
}

// Forecaster foretells the failures of a recording. It is asked once for each
// frame, in order of time, from one goroutine, and may remember; it must not
// keep the frame. dst has one entry per endpoint, without a score or times.
type Forecaster interface {
	Forecast(dst []Forecast, f *features.Frame) error
}

// Entry is one forecaster among those that are compared.
type Entry struct {
	Name string
	// Probability says that scores are probabilities. Others are given theirs
	// by isotonic regression on the calibration recordings.
	Probability bool
	// New makes it for one recording, which is looked at so.
	New func(mesh.Timing) (Forecaster, error)
}

// Model is the failure forecast of a model.
func Model(name string, m *model.Model) Entry {
	return Entry{Name: name, Probability: true, New: func(mesh.Timing) (Forecaster, error) {
		p, err := predict.Compile(m)
		if err != nil {
			return nil, err
		}
		return &modelled{predictor: p}, nil
	}}
}

type modelled struct {
	predictor *predict.Predictor
	failures  []predict.Failure
}

func (m *modelled) Forecast(dst []Forecast, f *features.Frame) error {
	for len(m.failures) < len(dst) {
		m.failures = append(m.failures, predict.Failure{})
	}
	failures := m.failures[:len(dst)]
	if err := m.predictor.Forecast(failures, f); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = Forecast{Score: failures[i].Probability, Time: failures[i].Time}
	}
	return nil
}

// function is a forecaster without memory, for which a score of one endpoint
// is all.
type function func(f *features.Frame, i int) float64

func (s function) Forecast(dst []Forecast, f *features.Frame) error {
	for i := range dst {
		dst[i] = unknown
		dst[i].Score = s(f, i)
	}
	return nil
}

func scored(name string, s function) Entry {
	return Entry{Name: name, New: func(mesh.Timing) (Forecaster, error) { return s, nil }}
}

var nan = math.NaN()

// unknown is the forecast of who cannot say anything.
var unknown = Forecast{Score: nan, Time: [3]float64{nan, nan, nan}}
