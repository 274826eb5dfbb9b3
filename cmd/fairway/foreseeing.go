package main

import (
	"fmt"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// foreseeing runs a model and its policy over windows.
type foreseeing struct {
	extractor   *features.Extractor
	predictor   *predict.Predictor
	policy      router.Policy
	decision    router.Decision
	predictions []predict.Prediction
	failures    []predict.Failure
	rows        []row
}

func newForeseeing(m *model.Model, set *rules.Set) (*foreseeing, error) {
	predictor, err := predict.Compile(m)
	if err != nil {
		return nil, err
	}
	policy, err := router.Named("fairway", m, set, router.DefaultConfig())
	if err != nil {
		return nil, err
	}
	return &foreseeing{extractor: features.New(m.FeatureConfig()), predictor: predictor, policy: policy}, nil
}

// next returns the rows of one window, valid until the next call.
func (s *foreseeing) next(w mesh.Window) ([]row, error) {
	f, err := s.extractor.Push(w)
	if err != nil {
		return nil, err
	}
	n := len(f.Endpoints)
	s.predictions, s.failures = unknown(s.predictions, n), unforeseen(s.failures, n)
	// What a model cannot say stays unknown in the row; the policy's reason
	// says why. Only the weights must always be there.
	if err := s.predictor.Predict(s.predictions, f, nil); err != nil {
		s.predictions = unknown(s.predictions, n)
	}
	if err := s.predictor.Forecast(s.failures, f); err != nil {
		s.failures = unforeseen(s.failures, n)
	}
	if err := s.policy.Decide(&s.decision, f); err != nil {
		return nil, fmt.Errorf("%s at %s: %w", f.Service, f.Time.Format(time.RFC3339), err)
	}
	s.rows = s.rows[:0]
	for i := range f.Endpoints {
		s.rows = append(s.rows, s.row(f, i))
	}
	return s.rows, nil
}

func (s *foreseeing) row(f *features.Frame, i int) row {
	r := row{
		time: f.Time, service: f.Service, endpoint: f.Endpoints[i].Name,
		share: observedShare(f, i), prediction: s.predictions[i],
		weight: s.decision.Weights[i], source: s.decision.Source.String(), reason: string(s.decision.Reason),
		failure: s.failures[i].Probability, confidence: s.failures[i].Confidence, predicted: math.NaN(),
		anomaly: f.Anomalies[i].Score,
	}
	if s.failures[i].Likely {
		r.predicted = unix(f.Time) + s.failures[i].Time[1]
	}
	if top := f.Anomalies[i].Top; len(top) > 0 {
		r.top = top[0].Series
	}
	return r
}

// observedShare is the part of the service's requests that the endpoint had
// in the window; NaN where nobody counted.
func observedShare(f *features.Frame, i int) float64 {
	total := 0.0
	for _, n := range f.Requests {
		if !math.IsNaN(n) {
			total += n
		}
	}
	if total == 0 {
		return math.NaN()
	}
	return f.Requests[i] / total
}

func unknown(dst []predict.Prediction, n int) []predict.Prediction {
	nan := math.NaN()
	dst = dst[:0]
	for range n {
		dst = append(dst, predict.Prediction{Mean: nan, P50: nan, P90: nan, P99: nan, ErrorRatio: nan, Preference: nan})
	}
	return dst
}

func unforeseen(dst []predict.Failure, n int) []predict.Failure {
	dst = dst[:0]
	for range n {
		dst = append(dst, predict.Failure{Probability: math.NaN(), Confidence: math.NaN()})
	}
	return dst
}
