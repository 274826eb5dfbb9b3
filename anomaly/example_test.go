package anomaly_test

import (
	"fmt"
	"math"

	"github.com/fairway-mesh/fairway/anomaly"
)

// Two metrics of an endpoint go their ways; then the second jumps.
func Example() {
	tracker := anomaly.New(2, anomaly.DefaultConfig())
	surprise := make([]float64, 2)
	var score anomaly.Score
	for k := range 300 {
		score = tracker.Push(surprise, math.NaN(), []float64{math.Sin(float64(k)), math.Cos(float64(3 * k))})
	}
	fmt.Printf("usual: score %.2f, top %d\n", score.Value, score.Top)
	score = tracker.Push(surprise, math.NaN(), []float64{0.5, 30})
	fmt.Printf("jump:  score %.1f, top %d, stranger than %v: %v\n", score.Value, score.Top, "1 in 100", surprise[score.Top] > 2)
	// Output:
	// usual: score 0.00, top -1
	// jump:  score 0.6, top 1, stranger than 1 in 100: true
}
