package features_test

import (
	"testing"

	"github.com/fairway-mesh/fairway/features"
)

// BenchmarkPush advances a service of 100 endpoints with 12 series by one window.
func BenchmarkPush(b *testing.B) {
	x := features.New(features.DefaultConfig())
	var endpoints []seen
	for i := range 100 {
		endpoints = append(endpoints, healthy(float64(5+i)))
	}
	w := window(everything, 0, endpoints...)
	k := 0
	next := func() {
		w.Time = w.Time.Add(5e9)
		w.Start, w.End = w.Start.Add(5e9), w.End.Add(5e9)
		k++
		for i := range w.Values {
			w.Values[i] *= 1 + 0.01*float64((k*7+i*13)%5-2)*float64(1-2*(k%2))
		}
		push(b, x, w)
	}
	for range 100 {
		next()
	}
	b.ReportAllocs()
	for b.Loop() {
		next()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/endpoint")
}
