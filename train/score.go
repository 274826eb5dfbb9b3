package train

import (
	"math"

	"github.com/fairway-mesh/fairway/mesh"
)

// scoring is a way to say how far a forecast was off.
type scoring uint8

const (
	relative    scoring = iota // |forecast − came| ÷ came
	logarithmic                // (ln forecast − ln came)², of whose mean the root is told
	pinball                    // of the quantile that was foretold
	below                      // whether what came was at most the forecast: no loss, a count
	brierScore                 // of each request's failing
	logLoss                    // the same
	absolute                   // |cost − cost|, s
)

var scoringNames = [...]string{"mape", "log_rmse", "pinball", "below", "brier", "log_loss", "absolute"}

// score is one way to judge one quantity.
type score struct {
	of int
	by scoring
}

// scores are all that windows are judged by. The last three count how often a
// forecast was at least what came.
var scores = [...]score{
	{ofMean, relative}, {ofMean, logarithmic},
	{ofP50, relative}, {ofP50, logarithmic}, {ofP50, pinball},
	{ofP90, relative}, {ofP90, logarithmic}, {ofP90, pinball},
	{ofP99, relative}, {ofP99, logarithmic}, {ofP99, pinball},
	{ofErrors, brierScore}, {ofErrors, logLoss}, {ofCost, absolute},
	{ofP50, below}, {ofP90, below}, {ofP99, below},
}

// requestScores are what single requests are judged by.
var requestScores = [...]score{{ofP50, pinball}, {ofP90, pinball}, {ofP99, pinball}, {ofP50, below}, {ofP90, below}, {ofP99, below}}

// regimeScores are those that are told of each regime.
var regimeScores = [...]score{{ofMean, relative}, {ofMean, logarithmic}, {ofP99, logarithmic}, {ofErrors, brierScore}}

var quantileLevels = map[int]float64{ofP50: 0.5, ofP90: 0.9, ofP99: 0.99}

// came is what a window showed after a decision.
type came struct {
	forecast
	cost      float64 // s; NaN = unknown
	floors    forecast
	objective mesh.Objective
}

func (j *judge) cameOf(service string, s *Seen) came {
	c := came{forecast: seenAs(s), cost: math.NaN(), floors: j.yardsticks.floors[service], objective: j.objective}
	if v, _, ok := cost(s, j.objective); ok {
		c.cost = v
	}
	return c
}

// surest bounds probabilities: nobody is punished without end for a single
// error.
const surest = 0.001

// loss of a forecast; NaN where it or what came is unknown.
func (s score) loss(f *forecast, c *came) float64 {
	if s.of == ofCost {
		return math.Abs(costOf(f, c.objective) - c.cost)
	}
	guess, truth := f[s.of], c.forecast[s.of]
	switch s.by {
	case relative:
		if !(truth > 0) {
			return math.NaN()
		}
		return math.Abs(guess-truth) / math.Max(truth, c.floors[s.of])
	case logarithmic:
		if !(truth > 0 && guess > 0) {
			return math.NaN()
		}
		d := math.Log(guess / truth)
		return d * d
	case brierScore: // the mean over requests of which the part truth failed
		return truth*(1-guess)*(1-guess) + (1-truth)*guess*guess
	case logLoss:
		p := math.Min(math.Max(guess, surest), 1-surest)
		return -truth*math.Log(p) - (1-truth)*math.Log1p(-p)
	}
	return s.against(guess, truth)
}

// against is the loss of a quantile, by a latency that came.
func (s score) against(guess, truth float64) float64 {
	switch {
	case math.IsNaN(guess) || math.IsNaN(truth):
		return math.NaN()
	case s.by == pinball && truth > guess:
		return quantileLevels[s.of] * (truth - guess)
	case s.by == pinball:
		return (1 - quantileLevels[s.of]) * (guess - truth)
	case truth <= guess:
		return 1
	}
	return 0
}

// told is a mean loss as it is told.
func (s score) told(mean float64) float64 {
	if s.by == logarithmic {
		return math.Sqrt(mean)
	}
	return mean
}

// costOf a request as foretold; errors that nobody foretells are none.
func costOf(f *forecast, o mesh.Objective) float64 {
	failed := f[ofErrors]
	if math.IsNaN(failed) {
		failed = 0
	}
	return o.Cost(f[ofMean], failed)
}
