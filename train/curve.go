package train

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// The outcome network's targets of one row: what its curve is made of, and what
// came of it.
const (
	targetLoad        = iota // requests/s while the decision was in force
	targetNow                // requests/s in the window that was decided upon
	targetReference          // ln(s)
	targetCapacity           // requests/s
	targetConcurrency        // requests served at once
	targetWaiting            // requests
	targetHorizon            // s
	targetOdds               // logit of the error ratio
	targetExcess             // ln
	targetMean               // ln(mean latency in s); NaN = unknown, as below
	targetP50                // ln(p50)
	targetP90                //
	targetP99                //
	targetErrors             // error ratio
	targetWeight             // of the row; 0 is padding
	outcomeTargets
)

// quantileWeights are the weights of the four latency losses: the mean decides.
var quantileWeights = [4]float64{1, 0.25, 0.25, 0.25}

// errorsWeight is the weight of the error ratio's cross-entropy.
const errorsWeight = 1

// curve is the loss of the outcome network. The squared error of log
// latencies is bent to linear beyond 1 (Huber, 1964).
type curve struct{ bounds model.Bounds }

func (curve) widths() (int, int) { return model.OutcomeOutputs, outcomeTargets }

func (l curve) value(out, target, grad []float32) float64 {
	const n = model.OutcomeOutputs
	total := 0.0
	for row := 0; row*n < len(out); row++ {
		o, t := out[row*n:][:n], target[row*outcomeTargets:][:outcomeTargets]
		if t[targetWeight] == 0 {
			continue
		}
		var g [n]float64
		total += float64(t[targetWeight]) * l.row(o, t, &g)
		if grad != nil {
			for k := range g {
				grad[row*n+k] = t[targetWeight] * float32(g[k])
			}
		}
	}
	return total
}

// row is the loss of one row; it writes the derivatives by the outputs to g.
// What the outputs mean is predict.Correct's business, here with slopes.
func (l curve) row(o, t []float32, g *[model.OutcomeOutputs]float64) float64 {
	at := func(k int) float64 { return float64(t[k]) }
	capacity, byCapacity := bounded(float64(o[predict.OutCapacity]), l.bounds.Capacity)
	stretch, byStretch := bounded(float64(o[predict.OutStretch]), l.bounds.Stretch)
	level, byLevel := bounded(float64(o[predict.OutLevel]), l.bounds.Level)
	drain := sigmoid(float64(o[predict.OutWaiting]))
	q := features.Queue{
		Capacity: at(targetCapacity) * math.Exp(capacity), Concurrency: at(targetConcurrency),
		Waiting: at(targetWaiting) * 2 * drain, Horizon: at(targetHorizon), Stretch: math.Exp(stretch),
	}
	then, thenCapacity, thenStretch, thenWaiting := q.Slopes(at(targetLoad))
	now, nowCapacity, nowStretch, nowWaiting := q.Slopes(at(targetNow))
	persist := sigmoid(float64(o[predict.OutPersist]) - predict.PersistBias)
	latest := at(targetReference) - now - at(targetExcess)
	logMean := then + at(targetExcess) + persist*latest + level

	half := math.Tanh(float64(o[predict.OutMid]) / 2)
	tail90, tail99 := softplus(float64(o[predict.OutTail90])), softplus(float64(o[predict.OutTail99]))
	p50 := logMean + 2*half
	p90 := p50 + math.Log1p(tail90)
	p99 := p90 + math.Log1p(tail99)
	total := 0.0
	var slope [4]float64 // of the loss by each log latency
	for i, predicted := range [4]float64{logMean, p50, p90, p99} {
		want := at(targetMean + i)
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
	byMean := s50 + slope[0]
	g[predict.OutPersist] = byMean * persist * (1 - persist) * latest
	g[predict.OutCapacity] = byMean * (thenCapacity - persist*nowCapacity) * byCapacity
	g[predict.OutStretch] = byMean * (thenStretch - persist*nowStretch) * byStretch
	g[predict.OutWaiting] = byMean * (thenWaiting - persist*nowWaiting) * (1 - drain)
	g[predict.OutLevel] = byMean * byLevel
	g[predict.OutMid] = s50 * (1 - half*half)
	g[predict.OutTail90] = s90 * sigmoid(float64(o[predict.OutTail90])) / (1 + tail90)
	g[predict.OutTail99] = s99 * sigmoid(float64(o[predict.OutTail99])) / (1 + tail99)
	return total + l.errors(o, t, q.Capacity, byCapacity, g)
}

// errors is the cross-entropy of the error ratio.
func (l curve) errors(o, t []float32, capacity, byCapacity float64, g *[model.OutcomeOutputs]float64) float64 {
	want := float64(t[targetErrors])
	if math.IsNaN(want) {
		return 0
	}
	more := float64(t[targetLoad]-t[targetNow]) / capacity
	rise := softplus(float64(o[predict.OutErrorRise]))
	x := float64(t[targetOdds]) + float64(o[predict.OutErrors]) + rise*more
	d := errorsWeight * (sigmoid(x) - want)
	g[predict.OutErrors] = d
	g[predict.OutErrorRise] = d * sigmoid(float64(o[predict.OutErrorRise])) * more
	g[predict.OutCapacity] -= d * rise * more * byCapacity
	return errorsWeight * (softplus(x) - want*x)
}

// bounded is predict.Bounded with its slope.
func bounded(x, factor float64) (value, slope float64) {
	value = predict.Bounded(x, factor)
	part := value / math.Log(factor)
	return value, 1 - part*part
}

// huber is r²/2 up to 1, then linear; and its slope.
func huber(r float64) (value, slope float64) {
	if a := math.Abs(r); a > 1 {
		return a - 0.5, math.Copysign(1, r)
	}
	return r * r / 2, r
}
