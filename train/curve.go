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

// latencyWeights are the weights of the four latency losses: the mean decides.
var latencyWeights = [4]float64{1, 0.5, 0.5, 0.5}

// curve is the loss of the outcome network: the squared error of log latencies,
// bent to linear beyond 1 (Huber, 1964), and the cross-entropy of the error
// ratio.
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

	more := (at(targetLoad) - at(targetNow)) / q.Capacity
	rise := softplus(float64(o[predict.OutErrorRise]))
	odds := at(targetOdds) + float64(o[predict.OutErrors]) + rise*more
	failed := sigmoid(odds)
	fall, byFailed := predict.Refused(failed)

	half := math.Tanh(float64(o[predict.OutMid]) / 2)
	tail90, tail99 := softplus(float64(o[predict.OutTail90])), softplus(float64(o[predict.OutTail99]))
	middle := logMean + 2*half
	p90 := middle + math.Log1p(tail90)
	p99 := p90 + math.Log1p(tail99)
	total, slope := latencies([4]float64{logMean, middle - fall, p90, p99}, t[targetMean:])
	s99 := slope[3]
	s90 := s99 + slope[2]
	byMiddle := s90 + slope[1]
	byMean := byMiddle + slope[0]
	byOdds := -slope[1] * byFailed * failed * (1 - failed)
	if want := at(targetErrors); !math.IsNaN(want) { // cross-entropy
		total += softplus(odds) - want*odds
		byOdds += failed - want
	}
	g[predict.OutPersist] = byMean * persist * (1 - persist) * latest
	g[predict.OutCapacity] = (byMean*(thenCapacity-persist*nowCapacity) - byOdds*rise*more) * byCapacity
	g[predict.OutStretch] = byMean * (thenStretch - persist*nowStretch) * byStretch
	g[predict.OutWaiting] = byMean * (thenWaiting - persist*nowWaiting) * (1 - drain)
	g[predict.OutLevel] = byMean * byLevel
	g[predict.OutErrors] = byOdds
	g[predict.OutErrorRise] = byOdds * sigmoid(float64(o[predict.OutErrorRise])) * more
	g[predict.OutMid] = byMiddle * (1 - half*half)
	g[predict.OutTail90] = s90 * sigmoid(float64(o[predict.OutTail90])) / (1 + tail90)
	g[predict.OutTail99] = s99 * sigmoid(float64(o[predict.OutTail99])) / (1 + tail99)
	return total
}

// latencies is the loss of log latencies, and its slope by each.
func latencies(predicted [4]float64, want []float32) (total float64, slope [4]float64) {
	for i, p := range predicted {
		if want := float64(want[i]); !math.IsNaN(want) {
			value, d := huber(p - want)
			total += latencyWeights[i] * value
			slope[i] = latencyWeights[i] * d
		}
	}
	return total, slope
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
