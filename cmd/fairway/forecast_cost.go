package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/replay/finding"
)

// What the cost is measured on: as many endpoints as a large mesh has, in
// services of a hundred.
const (
	costEndpoints = 5000
	costService   = 100
	costWarm      = 30 // windows, in which memories are made and grow
	costWindows   = 20
	costSeries    = 8
)

// cost measures what one endpoint costs in one window: all that an extractor
// does with 8 metrics, and the forecast. It is the median of many short spans,
// of a service each, so that what else runs on the machine does not count.
func (b *forecastBench) cost(f *forecastFigures) error {
	schema, forecast, err := b.costModel()
	if err != nil || forecast == nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 0xc057))
	var services []*costly
	for s := range costEndpoints / costService {
		services = append(services, newCostly(schema, fmt.Sprintf("svc-%02d", s)))
	}
	cfg := features.DefaultConfig()
	if b.model != nil {
		cfg = b.model.FeatureConfig()
	}
	x := features.New(cfg)
	dst := make([]predict.Failure, costService)
	var spans []time.Duration
	for k := range costWarm + costWindows {
		for _, s := range services {
			s.next(random)
			start := time.Now()
			frame, err := x.Push(s.window)
			if err == nil {
				err = forecast.Forecast(dst, frame)
			}
			if err != nil {
				return fmt.Errorf("measuring the cost: %w", err)
			}
			if k >= costWarm {
				spans = append(spans, time.Since(start))
			}
		}
	}
	f.Cost = finding.Number(math.Round(float64(median(spans).Nanoseconds()) / costService))
	b.note("%d endpoints with %d metrics each: %.2f µs per endpoint and window, %.0f ms for all, on one core.", costEndpoints, costSeries, float64(f.Cost)/1000, float64(f.Cost)*costEndpoints/1e6)
	return nil
}

// costModel is the schema that the model knows, and the model; nil where there
// is none.
func (b *forecastBench) costModel() (*mesh.Schema, *predict.Predictor, error) {
	if b.model == nil {
		b.note("The cost is not measured: there is no model.")
		return nil, nil, nil
	}
	p, err := predict.Compile(b.model)
	return &b.model.Schema, p, err
}

// costly is a service whose metrics move.
type costly struct {
	window mesh.Window
	usual  []float64 // of each value
}

func newCostly(schema *mesh.Schema, name string) *costly {
	s := &costly{}
	s.window = mesh.Window{Service: name, Schema: schema, Time: time.Unix(0, 0), Start: time.Unix(-12, 0), End: time.Unix(-2, 0)}
	usual := map[string]float64{
		mesh.RequestRate: 50, mesh.ErrorRatio: 0.01, mesh.LatencyMean: 0.02, mesh.LatencyP99: 0.09, mesh.InFlight: 1, mesh.Utilization: 0.5, mesh.Memory: 2e8, mesh.Up: 1,
	}
	for i := range costService {
		s.window.Endpoints = append(s.window.Endpoints, mesh.Endpoint{Name: fmt.Sprintf("%s-%03d", name, i)})
		for _, q := range schema.Series {
			v, ok := usual[q.Name]
			if !ok {
				v = math.NaN()
			}
			s.usual = append(s.usual, v)
		}
		s.window.Requests = append(s.window.Requests, 500)
	}
	s.window.Values = make([]float64, len(s.usual))
	return s
}

// next makes the next window.
func (s *costly) next(random *rand.Rand) {
	w := &s.window
	w.Time, w.Start, w.End = w.Time.Add(5*time.Second), w.Start.Add(5*time.Second), w.End.Add(5*time.Second)
	columns := len(w.Schema.Series)
	for i, usual := range s.usual {
		if w.Values[i] = usual; w.Schema.Series[i%columns].Name != mesh.Up {
			w.Values[i] *= math.Exp(0.1 * random.NormFloat64())
		}
	}
}
