package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestCalibrationPoints: groups follow the predictions, hold about as many
// requests each, and show a prediction that is twice what came.
func TestCalibrationPoints(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var c calibration
	for range 4000 {
		came := 0.01 * math.Exp(random.NormFloat64())
		c.answers = append(c.answers, foretold{2 * came, came, float64(10 + random.IntN(90))})
	}
	points := c.points()
	if len(points) != calibrationPoints {
		t.Fatalf("%d points; want %d", len(points), calibrationPoints)
	}
	for i, p := range points {
		if math.Abs(p.Predicted/p.Came-2) > 1e-9 {
			t.Errorf("point %d: %v predicted, %v came", i, p.Predicted, p.Came)
		}
		if i > 0 && p.Predicted <= points[i-1].Predicted {
			t.Errorf("point %d is not above the one before it", i)
		}
	}
	c.answers = c.answers[:50]
	if points := c.points(); points != nil {
		t.Errorf("%d points of fifty answers; want none", len(points))
	}
}
