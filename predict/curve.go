package predict

import "github.com/fairway-mesh/fairway/mesh"

// Curve is one endpoint's answer to load over the horizon.
type Curve struct {
	// Known is false when the frame lacks the latency or the capacity that
	// the curve is relative to; everything asked of it is then NaN.
	Known          bool
	Ref            float64    // latency_ref_seconds
	Capacity       float64    // requests/s
	Now            float64    // load of the frame's window ÷ capacity
	Coef           [5]float64 // ≥ 0: of 1, ρ, ρ², ρ⁴, ρ⁸
	Low, High      float64    // bounds of the mean, multiples of Ref
	Err0, Err1     float64    // logit of the error ratio at Now, and its slope ≥ 0 per ρ
	Mid            float64    // P50 ÷ mean
	Tail90, Tail99 float64    // P90 ÷ P50, P99 ÷ P90, both ≥ 1
}

// Mean returns the mean latency in seconds at load requests/s.
func (c *Curve) Mean(load float64) float64 { return 0 }

// Errors returns the error ratio at load requests/s.
func (c *Curve) Errors(load float64) float64 { return 0 }

// Cost returns the expected cost, in seconds, of a request at load requests/s.
func (c *Curve) Cost(load float64, o mesh.Objective) float64 { return 0 }

// Predict returns all that the curve says of load requests/s.
func (c *Curve) Predict(load float64) Prediction { return Prediction{} }
