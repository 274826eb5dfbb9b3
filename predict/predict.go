// Package predict is a model compiled to an allocation-free forward pass: what
// each endpoint will do next at a given load, and when it may fail.
package predict

import "errors"

// Reasons not to predict, wrapped with what is wrong.
var (
	ErrNoNetwork  = errors.New("the model has no such network")
	ErrSchema     = errors.New("the frame does not fit the model's schema")
	ErrNotFinite  = errors.New("an input is not finite")
	ErrUnfamiliar = errors.New("the frame is unlike anything the model was trained on")
	ErrDisagree   = errors.New("the networks of the ensemble disagree")
)

// Prediction is what one endpoint is expected to answer while the decision is
// in force, mesh.Timing.InForce.
// Latencies are in seconds. What is not known, and what the model's kind of
// network does not say, is NaN.
type Prediction struct {
	Mean, P50, P90, P99 float64
	ErrorRatio          float64
	// Preference is the probability of being the best choice. Softmax and
	// Fixed5 networks say nothing else; Outcome networks do not say it.
	Preference float64
}

// Failure is the forecast for one endpoint.
type Failure struct {
	Probability float64 // of failing within the horizon
	Low, High   float64 // what the probability may be, after the calibration
	// Confidence, 0 to 1, is how much the probability deserves: 1 minus the
	// width of its interval, times the part of the endpoint's series that
	// had a value (1 − missing_ratio).
	Confidence float64
	// Likely says that the probability is worth a warning: at least 0.1, or
	// five times the base rate where that is less, but not below 0.02.
	Likely bool
	// Time is when the endpoint fails, given that it does within the horizon:
	// the 10, 50 and 90 % quantiles in seconds after the decision. NaN unless
	// Likely.
	Time [3]float64
}
