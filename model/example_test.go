package model_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// A model is published twice; then the first is served again.
func Example() {
	path, err := os.MkdirTemp("", "registry")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(path)
	m := &model.Model{
		Format: model.Format, Name: "shop",
		Schema:    mesh.Schema{Name: "own", Series: []mesh.Series{{Name: mesh.RequestRate, Query: "rate(requests_total[$range])"}}},
		Timing:    mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Horizon: 30 * time.Second},
		Objective: mesh.DefaultObjective(),
		Routing: &model.Network{
			Kind: model.Softmax, Columns: []string{"utilization"},
			Scaler: model.Scaler{Center: []float32{0}, Scale: []float32{1}, Impute: []float32{0}, Low: []float32{0}, High: []float32{1}},
			Layers: []model.Layer{{In: 1, Out: 1, W: []float32{-4}, B: []float32{0}}}, // the less utilized, the better
		},
	}
	ctx := context.Background()
	registry, err := model.OpenDirectory(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		if _, err := registry.Publish(ctx, m); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := registry.Promote(ctx, 1); err != nil {
		fmt.Println(err)
		return
	}
	latest, err := model.Load(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(latest.Name, "version", latest.Version)
	// Output: shop version 1
}
