package train

import "math"

// The outcome network's targets of one row.
const (
	targetLoad   = iota // requests/s over the horizon ÷ capacity
	targetNow           // the same, in the window that was decided upon
	targetMean          // ln(mean latency ÷ latency_ref_seconds); NaN = unknown, as below
	targetP50           // ln(p50 ÷ latency_ref_seconds)
	targetP90           //
	targetP99           //
	targetErrors        // error ratio
	targetWeight        // of the row; 0 is padding
	outcomeTargets
)

// maxLoad bounds the load that the basis is evaluated at, as serving does.
const maxLoad = 3

// basis is φ(ρ): what a mean latency is a nonnegative combination of, hence
// nondecreasing in the load ρ.
func basis(load float64) [5]float64 {
	p := math.Min(math.Max(load, 0), maxLoad)
	p2 := p * p
	p4 := p2 * p2
	return [5]float64{1, p, p2, p4, p4 * p4}
}

// quantiles are the weights of the four latency losses: the mean decides.
var quantileWeights = [4]float64{1, 0.25, 0.25, 0.25}

// errorsWeight is the weight of the error ratio's cross-entropy.
const errorsWeight = 1

// curve is the loss of the outcome network. The squared error of log
// latencies is bent to linear beyond 1 (Huber, 1964).
type curve struct{}

func (curve) widths() (int, int) { return 10, outcomeTargets }

func (l curve) value(out, target, grad []float32) float64 {
	total := 0.0
	for row := 0; row*10 < len(out); row++ {
		o, t := out[row*10:][:10], target[row*outcomeTargets:][:outcomeTargets]
		if t[targetWeight] == 0 {
			continue
		}
		var g [10]float64
		total += float64(t[targetWeight]) * rowLoss(o, t, &g)
		if grad != nil {
			for k := range g {
				grad[row*10+k] = t[targetWeight] * float32(g[k])
			}
		}
	}
	return total
}

// rowLoss writes the derivatives by the ten outputs to g.
func rowLoss(o, t []float32, g *[10]float64) float64 {
	phi := basis(float64(t[targetLoad]))
	mean := 0.0
	for k, p := range phi {
		mean += softplus(float64(o[k])) * p
	}
	logMean := math.Log(mean)
	half := math.Tanh(float64(o[7]) / 2)
	tail90, tail99 := softplus(float64(o[8])), softplus(float64(o[9]))
	p50 := logMean + 2*half
	p90 := p50 + math.Log1p(tail90)
	p99 := p90 + math.Log1p(tail99)

	total := 0.0
	var slope [4]float64 // of the loss by each log latency
	for i, predicted := range [4]float64{logMean, p50, p90, p99} {
		want := float64(t[targetMean+i])
		if math.IsNaN(want) {
			continue
		}
		value, d := huber(predicted - want)
		total += quantileWeights[i] * value
		slope[i] = quantileWeights[i] * d
	}
	s99 := slope[3]
	s90 := s99 + slope[2]
	s50 := s90 + slope[1]
	byMean := (s50 + slope[0]) / mean
	for k, p := range phi {
		g[k] = byMean * p * sigmoid(float64(o[k]))
	}
	g[7] = s50 * (1 - half*half)
	g[8] = s90 * sigmoid(float64(o[8])) / (1 + tail90)
	g[9] = s99 * sigmoid(float64(o[9])) / (1 + tail99)

	if want := float64(t[targetErrors]); !math.IsNaN(want) {
		more := math.Min(float64(t[targetLoad]), maxLoad) - float64(t[targetNow])
		x := float64(o[5]) + softplus(float64(o[6]))*more
		total += errorsWeight * (softplus(x) - want*x)
		d := errorsWeight * (sigmoid(x) - want)
		g[5] = d
		g[6] = d * sigmoid(float64(o[6])) * more
	}
	return total
}

// huber is r²/2 up to 1, then linear; and its slope.
func huber(r float64) (value, slope float64) {
	if a := math.Abs(r); a > 1 {
		return a - 0.5, math.Copysign(1, r)
	}
	return r * r / 2, r
}
