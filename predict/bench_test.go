package predict

import (
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/model"
)

// BenchmarkPredict asks all that a decision needs, for ten endpoints.
func BenchmarkPredict(b *testing.B) {
	const n = 10
	rng := rand.New(rand.NewPCG(1, 2))
	m := trained(rng, model.Outcome)
	m.Routing.Layers = layers(rng, 1, len(m.Routing.Columns), 128, 64, 32, model.OutcomeOutputs)
	p, f := compile(b, m), frame(rng, n)
	predictions, curves, failures := make([]Prediction, n), make([]Curve, n), make([]Failure, n)
	for name, call := range map[string]func() error{
		"predict":  func() error { return p.Predict(predictions, f, nil) },
		"curves":   func() error { return p.Curves(curves, f, 1) },
		"forecast": func() error { return p.Forecast(failures, f) },
		"familiar": func() error { return p.Familiar(f) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := call(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/endpoint")
		})
	}
}
