package predict

import (
	"math"
	"testing"

	"github.com/fairway-mesh/fairway/features"
)

// TestMedianOfRefusals: where most fails at once the median is that of the
// refusals, and the tail stays that of those who wait.
func TestMedianOfRefusals(t *testing.T) {
	for failed, want := range map[float64]float64{0: 0, 0.3: 0.48, 0.5: 2, 0.7: 3.52, 1: 4} {
		c := Curve{Known: true, Queue: features.Queue{Capacity: 100, Concurrency: 2, Horizon: 10, Stretch: 1}, Level: 1, Now: 120, Mid: 0.7, Tail90: 3, Tail99: 2, Err0: math.Log(failed / (1 - failed))}
		p := c.Predict(120)
		if got := math.Log(p.Mean * c.Mid / p.P50); math.Abs(got-want) > 0.03 {
			t.Errorf("of a part %v that fails the median falls by e^%.3f; want e^%v", failed, got, want)
		}
		if math.Abs(p.P90/(p.Mean*2.1)-1) > 1e-12 || math.Abs(p.P99/p.P90-2) > 1e-12 {
			t.Errorf("of a part %v that fails: %+v; want a tail as ever", failed, p)
		}
	}
	const step = 1e-6
	for _, failed := range []float64{0.01, 0.4, 0.5, 0.66, 0.99} {
		up, _ := Refused(failed + step)
		down, _ := Refused(failed - step)
		if _, slope := Refused(failed); math.Abs(slope-(up-down)/(2*step)) > 1e-6 {
			t.Errorf("at %v the slope is %v; want %v", failed, slope, (up-down)/(2*step))
		}
	}
}
