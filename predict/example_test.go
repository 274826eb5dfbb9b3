package predict_test

import (
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// An endpoint that answers in 20 ms and saturates at 100 requests/s, by a
// network so small that it needs no training.
func Example() {
	schema := mesh.Schema{Name: "own", Series: []mesh.Series{{Name: mesh.RequestRate, Query: "rate(requests_total[$range])"}}}
	m := &model.Model{
		Format: model.Format, Name: "shop", Schema: schema, Objective: mesh.DefaultObjective(),
		Timing: mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Horizon: 30 * time.Second},
		Routing: &model.Network{
			Kind: model.Outcome, Columns: []string{"utilization"},
			Scaler: model.Scaler{Center: []float32{0}, Scale: []float32{1}, Impute: []float32{0}, Low: []float32{0}, High: []float32{1}},
			Layers: []model.Layer{{In: 1, Out: 10, W: make([]float32, 10), B: []float32{0.5, -9, -1, -9, 0, -5, 1, 0, 0, 0}}},
		},
	}
	predictor, err := predict.Compile(m)
	if err != nil {
		fmt.Println(err)
		return
	}
	frame := &features.Frame{
		Window: mesh.Window{Service: "checkout", Schema: &schema, Endpoints: []mesh.Endpoint{{Name: "checkout-1"}}},
		Names:  []string{"utilization", "latency_ref_seconds", "capacity_rps", "load_now"},
		X:      []float32{0.5, 0.02, 100, 0.5},
	}
	curves := make([]predict.Curve, 1)
	if err := predictor.Curves(curves, frame); err != nil {
		fmt.Println(err)
		return
	}
	for _, load := range []float64{10, 50, 100, 150} {
		fmt.Printf("%3.0f rps: %3.0f ms, %4.1f %% errors\n", load, 1e3*curves[0].Mean(load), 100*curves[0].Errors(load))
	}
	// Output:
	//  10 rps:  20 ms,  0.4 % errors
	//  50 rps:  21 ms,  0.7 % errors
	// 100 rps:  40 ms,  1.3 % errors
	// 150 rps: 389 ms,  2.4 % errors
}
