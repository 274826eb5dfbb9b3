package predict

import (
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

// Forecast writes the failure forecast of each endpoint of f; dst has one
// entry per endpoint. The time is counted in what the frame looks ahead: a model
// that was trained with steps of 5 s and sees frames that look three times as
// far, of steps of 15 s, forecasts three times as far. Errors: ErrNoNetwork,
// ErrSchema, ErrNotFinite.
func (p *Predictor) Forecast(dst []Failure, f *features.Frame) error {
	switch {
	case p.failure == nil:
		return fmt.Errorf("%w: it was trained without a failure network", ErrNoNetwork)
	case len(dst) != len(f.Endpoints):
		return fmt.Errorf("predict: room for %d forecasts of %d endpoints", len(dst), len(f.Endpoints))
	}
	if err := p.fits(f); err != nil {
		return err
	}
	quality, err := p.quality.find(f)
	if err != nil {
		return err
	}
	x, err := p.failure.scaled(f)
	if err != nil {
		return err
	}
	logits, err := p.failure.run(x)
	if err != nil {
		return err
	}
	h := p.model.Failure
	bins, stretch := len(h.Bins), 1.0
	if f.Horizon > 0 {
		stretch = f.Horizon / p.model.Timing.Horizon.Seconds()
	}
	for i := range dst {
		row, requests := f.Row(i), math.NaN()
		if len(quality) > 1 {
			requests = math.Expm1(float64(row[quality[1]]))
		}
		dst[i] = failure(h, p.levels, logits[i*bins:(i+1)*bins], requests, float64(row[quality[0]]))
		for k := range dst[i].Time {
			dst[i].Time[k] *= stretch
		}
	}
	return nil
}

// failure gives the logits of one endpoint their meaning. A missing ratio that
// is itself unknown means that nothing was seen of the endpoint.
func failure(h *model.Hazard, levels [3]float64, logits []float32, requests, missing float64) Failure {
	f := Failure{Time: [3]float64{math.NaN(), math.NaN(), math.NaN()}}
	f.Probability, f.Low, f.High = calibrated(h.For(requests), within(logits))
	quality := 0.0
	if missing >= 0 && missing <= 1 {
		quality = 1 - missing
	}
	f.Confidence = (1 - (f.High - f.Low)) * quality
	if f.Likely = f.Probability >= likely(h.BaseRate); f.Likely {
		f.Time = quantiles(h.Bins, logits, levels)
	}
	return f
}

// likely is the probability from which on a failure is worth a warning: 0.1,
// or five times the base rate where failures are rare. Below 0.02 all but one
// of fifty warnings would be wrong, however rare failures are.
func likely(baseRate float64) float64 {
	if baseRate <= 0 {
		return 0.1
	}
	return min(max(5*baseRate, 0.02), 0.1)
}

// Elapsed is which part of the failures within the horizon the logits of a
// failure network have happen within a time: what model.Hazard.Levels are
// quantiles of.
func Elapsed(bins []time.Duration, logits []float32, after time.Duration) float64 {
	begin, before, all := time.Duration(0), 0.0, within(logits)
	for b, edge := range bins {
		until := within(logits[:b+1])
		if after <= edge {
			part := (before + (until-before)*float64(after-begin)/float64(edge-begin)) / all
			if part >= 0 && part <= 1 {
				return part
			}
			return float64(after) / float64(bins[len(bins)-1]) // 0/0: see quantiles
		}
		begin, before = edge, until
	}
	return 1
}

// within is the probability of failing in any of the bins of logits:
// 1 − Π(1−h), in logarithms since the hazards h are small.
func within(logits []float32) float64 {
	survival := 0.0 // its logarithm
	for _, l := range logits {
		survival -= softplus(float64(l)) // ln(1 − sigmoid(l))
	}
	return -math.Expm1(survival)
}

// quantiles are when parts of the failures within the horizon have happened, in
// seconds; within a bin they are spread evenly. The levels do not fall.
func quantiles(bins []time.Duration, logits []float32, levels [3]float64) (at [3]float64) {
	all := within(logits)
	survival, begin, before := 0.0, 0.0, 0.0
	k := 0
	for b, edge := range bins {
		survival -= softplus(float64(logits[b]))
		end, until := edge.Seconds(), -math.Expm1(survival)/all
		for ; k < len(levels) && until >= levels[k]; k++ {
			at[k] = begin
			if until > before {
				at[k] += (end - begin) * max(levels[k]-before, 0) / (until - before)
			}
		}
		begin, before = end, until
	}
	for ; k < len(levels); k++ { // 0/0: no failure is conceivable, all times are equally so
		at[k] = levels[k] * begin
	}
	return at
}

// calibrated returns the frequency of failures that goes with the network's
// probability x, and its bounds.
func calibrated(c *model.Calibration, x float64) (y, low, high float64) {
	n := len(c.X)
	if n == 0 {
		return x, 0, 1
	}
	switch i := sort.SearchFloat64s(c.X, x); i {
	case 0:
		return c.Y[0], c.Low[0], c.High[0]
	case n:
		return c.Y[n-1], c.Low[n-1], c.High[n-1]
	default:
		t := (x - c.X[i-1]) / (c.X[i] - c.X[i-1])
		between := func(v []float64) float64 { return v[i-1] + t*(v[i]-v[i-1]) }
		return between(c.Y), between(c.Low), between(c.High)
	}
}

// Horizon is the span after a decision that failures are forecast for: the end
// of the forecast's last bin. It is 0 without a failure network.
func (p *Predictor) Horizon() time.Duration {
	h := p.model.Failure
	if h == nil || len(h.Bins) == 0 {
		return 0
	}
	return h.Bins[len(h.Bins)-1]
}
