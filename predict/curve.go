package predict

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// Curve is one endpoint's answer to load while a decision is in force:
//
//	mean   = Level · Queue.Mean(load)
//	errors = sigmoid(Err0 + Err1·(load − Now)/Capacity)
//	P50    = mean · Mid · exp(−Refused(errors)), P90 = mean · Mid · Tail90
//
// Mean, errors and cost never decrease in the load: Level and Err1 are not
// negative and the queue's mean does not. A Curve is not changed by its methods.
type Curve struct {
	// Known is false when the frame lacks what the curve is made of. Everything
	// asked of it is then NaN.
	Known bool
	features.Queue
	Now            float64 // load of the frame's window, requests/s
	Level          float64 // of the mean
	Err0, Err1     float64 // logit of the error ratio at Now; its slope per capacity, ≥ 0
	Mid            float64 // P50 ÷ mean, as if nothing were refused
	Tail90, Tail99 float64 // P90 ÷ that and P99 ÷ P90, both ≥ 1
}

// Anchors are what a frame says of one endpoint that its curve is made of.
type Anchors struct {
	Reference   float64 // seconds: latency_ref_seconds
	Capacity    float64 // requests/s: capacity_rps
	Concurrency float64 // service_seconds · capacity_rps
	Load        float64 // requests/s, of the window
	Waiting     float64 // requests; 0 where unknown
	Horizon     float64 // seconds: the window's span and the metrics' age
	ErrorRatio  float64 // error_recent; 0 where unknown
	Excess      float64 // log_excess; 0 where unknown
}

// anchorColumns are those of a frame that Anchors are made of, in the order in
// which AnchorsOf takes them.
var anchorColumns = []string{"latency_ref_seconds", "capacity_rps", "service_seconds", "load_now", "waiting", "log_span", "metrics_age", "error_recent", "log_excess"}

// AnchorColumns names the columns that AnchorsOf takes, in order.
func AnchorColumns() []string { return append([]string(nil), anchorColumns...) }

// AnchorsOf reads the values of AnchorColumns in a row; known is false when what
// a curve needs is not there.
func AnchorsOf(row []float32, at []int) (a Anchors, known bool) {
	v := func(k int) float64 { return float64(row[at[k]]) }
	or := func(x, otherwise float64) float64 {
		if math.IsNaN(x) {
			return otherwise
		}
		return x
	}
	a = Anchors{
		Reference: v(0), Capacity: v(1), Concurrency: max(v(2)*v(1), 1), Load: v(3) * v(1), Waiting: or(v(4), 0),
		Horizon: math.Exp(v(5))*v(2) + max(or(v(6), 0), 0), ErrorRatio: or(v(7), 0), Excess: or(v(8), 0),
	}
	known = a.Reference > 0 && a.Capacity > 0 && a.Load >= 0 && a.Horizon > 0 && a.Concurrency < math.Inf(1)
	return a, known
}

// Finite reports whether none of the anchors is infinite.
func (a *Anchors) Finite() bool {
	return !math.IsInf(a.Reference+a.Capacity+a.Concurrency+a.Load+a.Waiting+a.Horizon+a.ErrorRatio+a.Excess, 0)
}

// leastErrors keeps a logit finite: an endpoint without failures is one that
// fails so often.
const leastErrors = 1e-4

// Logit is the logarithm of the odds of the error ratio, kept finite.
func (a *Anchors) Logit() float64 {
	e := min(max(a.ErrorRatio, leastErrors), 1-leastErrors)
	return math.Log(e / (1 - e))
}

// PersistBias makes an output of 0 mean that the level hardly follows the latest
// latency, but what was seen for long enough.
const PersistBias = 3

// Outcome network outputs, in order. All zero is what is known without a
// network: the formula of the queue, on the level that was seen for long enough.
const (
	OutPersist  = iota // how much the level follows the latest latency
	OutCapacity        // correction of the capacity
	OutStretch         // of waiting
	OutWaiting         // of what waits now
	OutLevel           // of the mean
	OutErrors          // of the error ratio
	OutErrorRise
	OutMid
	OutTail90
	OutTail99
)

// Correct is the curve of an endpoint with the corrections that the outputs o
// of an outcome network stand for, within the bounds.
func Correct(a *Anchors, o []float32, bounds model.Bounds) Curve {
	c := Curve{
		Known: true, Now: a.Load,
		Queue: features.Queue{
			Capacity: a.Capacity * math.Exp(Bounded(float64(o[OutCapacity]), bounds.Capacity)), Concurrency: a.Concurrency,
			Waiting: a.Waiting * 2 * sigmoid(float64(o[OutWaiting])), Horizon: a.Horizon,
			Stretch: math.Exp(Bounded(float64(o[OutStretch]), bounds.Stretch)),
		},
		Err0: a.Logit() + float64(o[OutErrors]), Err1: softplus(float64(o[OutErrorRise])),
		Mid: math.Exp(2 * math.Tanh(float64(o[OutMid])/2)), Tail90: 1 + softplus(float64(o[OutTail90])), Tail99: 1 + softplus(float64(o[OutTail99])),
	}
	persist := sigmoid(float64(o[OutPersist]) - PersistBias)
	c.Level = math.Exp((1-persist)*a.Excess + persist*math.Log(a.Reference/c.Queue.Mean(a.Load)) + Bounded(float64(o[OutLevel]), bounds.Level))
	return c
}

// Bounded keeps x within ± the logarithm of a factor, and leaves it as it is
// near 0.
func Bounded(x, factor float64) float64 {
	most := math.Log(factor)
	return most * math.Tanh(x/most)
}

// Mean returns the mean latency in seconds at load requests/s.
func (c *Curve) Mean(load float64) float64 {
	if !c.Known {
		return math.NaN()
	}
	return c.Level * c.Queue.Mean(load)
}

// Errors returns the error ratio at load requests/s.
func (c *Curve) Errors(load float64) float64 {
	if !c.Known {
		return math.NaN()
	}
	return sigmoid(c.Err0 + c.Err1*(load-c.Now)/c.Capacity)
}

// Cost returns the expected cost, in seconds, of a request at load requests/s.
// It is Objective.Cost, except that a failure never counts for less than an
// answer: else an endpoint could look better for failing more.
func (c *Curve) Cost(load float64, o mesh.Objective) float64 {
	cost, _ := c.CostAndMean(load, o)
	return cost
}

// CostAndMean is Cost, and the Mean that it is made of.
func (c *Curve) CostAndMean(load float64, o mesh.Objective) (cost, mean float64) {
	deadline, errors := o.Deadline.Seconds(), c.Errors(load)
	mean = c.Mean(load)
	answered := min(mean, deadline)
	return answered + errors*max(deadline*o.ErrorCost-answered, 0), mean
}

// Late is the part of the answers that take longer than a deadline, in seconds,
// where their mean is so long: of a log-normal distribution with the curve's
// median and its 99th percentile.
func (c *Curve) Late(mean, deadline float64) float64 {
	const normal99 = 2.3263 // quantile of the standard normal distribution
	spread := max(math.Log(c.Tail90*c.Tail99)/normal99, 1e-3)
	return math.Erfc(math.Log(deadline/(mean*c.Mid))/(spread*math.Sqrt2)) / 2
}

// An endpoint that fails most of what it gets, being overloaded, refuses it at
// once: the median is then that of refusals, refusedMost lower as a logarithm.
// Around half of all it is refusedSteep that says how sure it is of which it is.
const (
	refusedMost  = 4
	refusedSteep = 10
)

// Refused is by how much, as a logarithm, the median falls as a part errors of
// all requests fails; and its slope.
func Refused(errors float64) (fall, slope float64) {
	part := sigmoid(refusedSteep * (errors - 0.5))
	return refusedMost * part, refusedMost * refusedSteep * part * (1 - part)
}

// Predict returns all that the curve says of load requests/s.
func (c *Curve) Predict(load float64) Prediction {
	mean, errors := c.Mean(load), c.Errors(load)
	middle := mean * c.Mid
	fall, _ := Refused(errors)
	p90 := middle * c.Tail90
	return Prediction{Mean: mean, P50: middle * math.Exp(-fall), P90: p90, P99: p90 * c.Tail99, ErrorRatio: errors, Preference: math.NaN()}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus is ln(1+eˣ), without overflow.
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
