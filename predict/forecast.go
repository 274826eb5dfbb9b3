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
// entry per endpoint. Errors: ErrNoNetwork, ErrSchema, ErrNotFinite.
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
	missing, err := p.missing.find(f)
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
	bins := len(h.Bins)
	for i := range dst {
		dst[i] = failure(h, logits[i*bins:(i+1)*bins], float64(f.Row(i)[missing[0]]))
	}
	return nil
}

// failure gives the logits of one endpoint their meaning. A missing ratio that
// is itself unknown means that nothing was seen of the endpoint.
func failure(h *model.Hazard, logits []float32, missing float64) Failure {
	f := Failure{Time: [3]float64{math.NaN(), math.NaN(), math.NaN()}}
	f.Probability, f.Low, f.High = calibrated(&h.Calibration, within(logits))
	quality := 0.0
	if missing >= 0 && missing <= 1 {
		quality = 1 - missing
	}
	f.Confidence = (1 - (f.High - f.Low)) * quality
	if f.Likely = f.Probability >= likely(h.BaseRate); f.Likely {
		for i, q := range [3]float64{0.1, 0.5, 0.9} {
			f.Time[i] = quantile(h.Bins, logits, q)
		}
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

// within is the probability of failing in any of the bins of logits:
// 1 − Π(1−h), in logarithms since the hazards h are small.
func within(logits []float32) float64 {
	survival := 0.0 // its logarithm
	for _, l := range logits {
		survival -= softplus(float64(l)) // ln(1 − sigmoid(l))
	}
	return -math.Expm1(survival)
}

// quantile is when a part q of the failures within the horizon has happened,
// in seconds; within a bin they are spread evenly.
func quantile(bins []time.Duration, logits []float32, q float64) float64 {
	all := within(logits)
	begin, before := 0.0, 0.0
	for b, edge := range bins {
		end, until := edge.Seconds(), within(logits[:b+1])/all
		if until >= q {
			return begin + (end-begin)*(q-before)/(until-before)
		}
		begin, before = end, until
	}
	return q * begin // 0/0: no failure is conceivable, all times are equally so
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
