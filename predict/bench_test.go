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
		"familiar": func() error { return familiar(p, f) },
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

// BenchmarkDoubt is what the gate costs for ten endpoints, without an ensemble
// and with one of three.
func BenchmarkDoubt(b *testing.B) {
	const n = 10
	rng := rand.New(rand.NewPCG(1, 3))
	for name, members := range map[string]int{"alone": 0, "three": 2} {
		m := doubting(rng, members)
		m.Routing.Layers = layers(rng, 1, len(m.Routing.Columns), 128, 64, 32, model.OutcomeOutputs)
		for i := range m.Routing.Members {
			m.Routing.Members[i] = layers(rng, 1, len(m.Routing.Columns), 128, 64, 32, model.OutcomeOutputs)
		}
		m.Routing.Doubt.Spread = model.Limits{100}
		p, f, gate := compile(b, m), usualFrame(rng, m, n), &Gate{}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.End = f.End.Add(1)
				if err := p.Trust(gate, f); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/endpoint")
		})
	}
}
