package ope_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/fairway-mesh/fairway/replay/ope"
)

// A log of two endpoints, drawn with 70 and 30 %, that cost 20 and 40 ms. What
// would a policy cost that draws them with 20 and 80 %? The model takes both
// to cost 25 ms.
func ExampleEvaluate() {
	random := rand.New(rand.NewPCG(1, 1))
	rows := make([]ope.Row, 20000)
	for i := range rows {
		r := ope.Row{Propensity: 0.7, Evaluation: 0.2, Reward: 0.020 * random.ExpFloat64(), Predicted: 0.025, Expected: 0.025}
		if random.Float64() < 0.3 {
			r.Propensity, r.Evaluation, r.Reward = 0.3, 0.8, 0.040*random.ExpFloat64()
		}
		rows[i] = r
	}
	result, err := ope.Evaluate(rows, ope.DefaultConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d rows tell as much as %.0f\n", result.Rows, result.SampleSize)
	for _, e := range []ope.Estimator{ope.DM, ope.IPS, ope.SNIPS, ope.DR} {
		v := result.Estimates[e]
		fmt.Printf("%-5v %.1f ms, within [%.1f, %.1f]\n", e, 1000*v.Value, 1000*v.Low, 1000*v.High)
	}

	for i := range rows { // half of the policy's choices are endpoints that the log could not draw
		rows[i].Unsupported = 0.5
	}
	result, err = ope.Evaluate(rows, ope.DefaultConfig())
	fmt.Println(result.Estimates[ope.DR].Value, result.Refused, err)
	// Output:
	// 20000 rows tell as much as 9091
	// DM    25.0 ms, within [25.0, 25.0]
	// IPS   35.3 ms, within [34.3, 36.4]
	// SNIPS 35.6 ms, within [34.7, 36.4]
	// DR    35.5 ms, within [34.6, 36.4]
	// NaN 50.0 % of the policy's probability is on what the log never took, more than 5 % <nil>
}
