package model

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// sample is a small model with everything in it.
func sample() *Model {
	rng := rand.New(rand.NewPCG(1, 2))
	at := func(minutes int) time.Time {
		return time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC).Add(time.Duration(minutes) * time.Minute)
	}
	cfg := features.DefaultConfig()
	return &Model{
		Format: Format, Name: "shop", Created: at(90),
		Schema: mesh.Schema{
			Name: "lab", Labels: mesh.Labels{Service: "service", Endpoint: "endpoint"}, Step: 5 * time.Second, Range: 10 * time.Second,
			Series: []mesh.Series{{Name: mesh.RequestRate, Unit: "rps", Query: "sum by (service, endpoint) (rate(requests_total[$range]))"}},
		},
		Timing:    mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Delay: 2 * time.Second, Horizon: 30 * time.Second},
		Objective: mesh.DefaultObjective(),
		Features:  &cfg,
		Routing: &Network{
			Kind: Outcome, Columns: []string{"error_ratio", "utilization"}, Scaler: unit(2),
			Layers: layers(rng, 2, 8, OutcomeOutputs), Bounds: DefaultBounds(),
			Members: [][]Layer{layers(rng, 2, 8, OutcomeOutputs), layers(rng, 2, 8, OutcomeOutputs)},
			Mean:    true,
			Doubt:   &Doubt{Whiten: layers(rng, 2, 2)[0], Distance: Limits{4, 2.5}, Latency: Span{0.005, 0.4}, Capacity: Span{20, 300}, Spread: Limits{0.5, 0.25}},
		},
		Failure: &Hazard{
			Columns: []string{"error_ratio", "utilization", "up"}, Scaler: unit(3), Layers: layers(rng, 3, 4, 2),
			Bins:        []time.Duration{10 * time.Second, 30 * time.Second},
			Calibration: Calibration{X: []float64{0, 0.5}, Y: []float64{0.01, 0.4}, Low: []float64{0, 0.3}, High: []float64{0.03, 0.6}},
			Classes:     []Class{{0, Calibration{}}, {100, Calibration{X: []float64{0.2}, Y: []float64{0.1}, Low: []float64{0.05}, High: []float64{0.2}}}},
			Levels:      [3]float64{0.05, 0.5, 0.95},
			BaseRate:    0.03,
		},
		Card: Card{
			MadeBy:     "fairway test",
			Recordings: []Provenance{{Path: "recordings/shop", Services: []string{"catalog", "checkout"}, Start: at(0), End: at(60), SHA256: "00ff", Split: Split{TrainEnd: at(36), ValidationStart: at(37), ValidationEnd: at(48), TestStart: at(49)}}},
			Seed:       7,
			Figures:    Figures{"test.cost_seconds": 0.0625, "test.auc": math.NaN(), "test.ratio": math.Inf(1)},
			Notes:      []string{"cart: no choice, not trained"}, Unidentified: []string{"catalog"},
			Levels: map[string]map[string]Level{"checkout": {"checkout-1": {LatencySeconds: 0.02, CapacityRPS: 80, Windows: 700}}},
		},
	}
}

func unit(columns int) Scaler {
	fill := func(v float32) []float32 {
		s := make([]float32, columns)
		for i := range s {
			s[i] = v
		}
		return s
	}
	return Scaler{Center: fill(0.1), Scale: fill(2), Impute: fill(0.5), Low: fill(0), High: fill(1)}
}

func layers(rng *rand.Rand, widths ...int) []Layer {
	var all []Layer
	for i := 1; i < len(widths); i++ {
		l := Layer{In: widths[i-1], Out: widths[i], ReLU: i < len(widths)-1, W: make([]float32, widths[i-1]*widths[i]), B: make([]float32, widths[i])}
		for j := range l.W {
			l.W[j] = float32(rng.NormFloat64())
		}
		for j := range l.B {
			l.B[j] = float32(rng.NormFloat64())
		}
		all = append(all, l)
	}
	return all
}

func TestSampleIsValid(t *testing.T) {
	if err := sample().Validate(); err != nil {
		t.Fatal(err)
	}
}
