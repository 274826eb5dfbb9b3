package predict

import (
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/features"
)

// originFailure is the origin's formula, which takes for the probability of a
// failure: the number of anomalies / 10, and the slope of the success ratio per
// window where it falls; 1 at most.
func originFailure(anomalies int, slope float64) float64 {
	p := float64(anomalies) / 10
	if slope < 0 {
		p -= slope
	}
	return min(p, 1)
}

// strange is the surprise from which a series counts as an anomaly: one in a
// hundred.
const strange = 2

// OriginForecast writes the origin's formula for each endpoint of f; dst has one
// entry per endpoint. It fails with ErrSchema where the frame lacks its columns. A frame
// tells the slope of the error ratio on a scale of even noise: at the ratio that
// it has, that is 2·√(e·(1−e)) as steep in ratios.
func OriginForecast(dst []float64, f *features.Frame) error {
	if len(dst) != len(f.Endpoints) {
		return fmt.Errorf("predict: room for %d forecasts of %d endpoints", len(dst), len(f.Endpoints))
	}
	trend, ratio := f.Column("error_trend"), f.Column("error_ratio")
	if trend < 0 || ratio < 0 {
		return fmt.Errorf("%w: the frame lacks the columns error_trend, error_ratio", ErrSchema)
	}
	for i := range dst {
		anomalies := 0
		if i < len(f.Anomalies) {
			for _, c := range f.Anomalies[i].Top {
				if c.Surprise >= strange {
					anomalies++
				}
			}
		}
		e := min(max(float64(f.Row(i)[ratio]), 0), 1)
		slope := -float64(f.Row(i)[trend]) / 60 * f.Step * 2 * math.Sqrt(e*(1-e))
		if math.IsNaN(slope) {
			slope = 0
		}
		dst[i] = originFailure(anomalies, slope)
	}
	return nil
}
