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
			Kind: model.Outcome, Bounds: model.DefaultBounds(), Columns: []string{"utilization"},
			Scaler: model.Scaler{Center: []float32{0}, Scale: []float32{1}, Impute: []float32{0}, Low: []float32{0}, High: []float32{1}},
			Layers: []model.Layer{{In: 1, Out: 10, W: make([]float32, 10), B: []float32{0, 0, 0.5, 0, 0, 0, 1, 0, 0, 0}}},
		},
	}
	predictor, err := predict.Compile(m)
	if err != nil {
		fmt.Println(err)
		return
	}
	frame := &features.Frame{
		Window: mesh.Window{Service: "checkout", Schema: &schema, Endpoints: []mesh.Endpoint{{Name: "checkout-1"}}},
		Names:  append([]string{"utilization"}, predict.AnchorColumns()...),
		// A mean of 20 ms at half of 100 requests/s, 10 ms of service, nothing that
		// waits, a span of 1000 services that ended a second ago, 1 % errors.
		X: []float32{0.5, 0.02, 100, 0.01, 0.5, 0, 6.9, 1, 0.01, 0},
	}
	curves := make([]predict.Curve, 1)
	if err := predictor.Curves(curves, frame, 1); err != nil {
		fmt.Println(err)
		return
	}
	for _, load := range []float64{10, 50, 100, 150} {
		fmt.Printf("%3.0f rps: %3.0f ms, %4.1f %% errors\n", load, 1e3*curves[0].Mean(load), 100*curves[0].Errors(load))
	}
	// Output:
	//  10 rps:  12 ms,  0.6 % errors
	//  50 rps:  26 ms,  1.0 % errors
	// 100 rps: 305 ms,  1.9 % errors
	// 150 rps: 2753 ms,  3.6 % errors
}
