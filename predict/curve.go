package predict

import (
	"math"

	"github.com/fairway-mesh/fairway/mesh"
)

// maxLoad bounds the load, in capacities, that a curve is evaluated at: what
// lies further out was never seen, and grows with its eighth power.
const maxLoad = 3

// Curve is one endpoint's answer to load while a decision is in force. With ρ the load
// divided by the capacity, clipped to [0, 3]:
//
//	mean   = Ref · (Coef₀ + Coef₁ρ + Coef₂ρ² + Coef₃ρ⁴ + Coef₄ρ⁸), within Low·Ref and High·Ref
//	errors = sigmoid(Err0 + Err1·(ρ − Now))
//
// Mean, errors and cost never decrease in the load, since no coefficient is
// negative. A Curve is not changed by its methods.
type Curve struct {
	// Known is false when the frame lacks what the curve is relative to: the
	// latency, the capacity or the load. Everything asked of it is then NaN.
	Known          bool
	Ref            float64    // latency_ref_seconds
	Capacity       float64    // capacity_rps
	Now            float64    // load_now: load of the frame's window ÷ capacity
	Coef           [5]float64 // ≥ 0: of 1, ρ, ρ², ρ⁴, ρ⁸
	Low, High      float64    // bounds of the mean, multiples of Ref
	Err0, Err1     float64    // logit of the error ratio at Now; its slope per ρ, ≥ 0
	Mid            float64    // P50 ÷ mean
	Tail90, Tail99 float64    // P90 ÷ P50 and P99 ÷ P90, both ≥ 1
}

// rho returns the load in capacities, NaN when the curve is not known.
func (c *Curve) rho(load float64) float64 {
	if !c.Known {
		return math.NaN()
	}
	return min(max(load/c.Capacity, 0), maxLoad)
}

// Mean returns the mean latency in seconds at load requests/s.
func (c *Curve) Mean(load float64) float64 {
	p := c.rho(load)
	p2 := p * p
	p4 := p2 * p2
	ratio := c.Coef[0] + c.Coef[1]*p + c.Coef[2]*p2 + c.Coef[3]*p4 + c.Coef[4]*(p4*p4)
	return c.Ref * min(max(ratio, c.Low), c.High)
}

// Errors returns the error ratio at load requests/s.
func (c *Curve) Errors(load float64) float64 {
	return sigmoid(c.Err0 + c.Err1*(c.rho(load)-c.Now))
}

// Cost returns the expected cost, in seconds, of a request at load requests/s.
// It is Objective.Cost, except that a failure never counts for less than an
// answer: else an endpoint could look better for failing more.
func (c *Curve) Cost(load float64, o mesh.Objective) float64 {
	deadline, errors := o.Deadline.Seconds(), c.Errors(load)
	answered := min(c.Mean(load), deadline)
	return answered + errors*max(deadline*o.ErrorCost-answered, 0)
}

// Predict returns all that the curve says of load requests/s.
func (c *Curve) Predict(load float64) Prediction {
	mean := c.Mean(load)
	p50 := mean * c.Mid
	p90 := p50 * c.Tail90
	return Prediction{Mean: mean, P50: p50, P90: p90, P99: p90 * c.Tail99, ErrorRatio: c.Errors(load), Preference: math.NaN()}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus is ln(1+eˣ), without overflow.
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
