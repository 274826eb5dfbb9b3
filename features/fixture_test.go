package features_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

var nan = math.NaN()

// everything is a schema with all known series; lacking makes one without some.
func schema(series ...string) *mesh.Schema {
	s := &mesh.Schema{Name: "test", Step: 5 * time.Second, Range: 10 * time.Second}
	for _, name := range series {
		s.Series = append(s.Series, mesh.Series{Name: name, Query: name})
	}
	return s
}

var everything = schema(mesh.RequestRate, mesh.ErrorRatio, mesh.LatencyMean, mesh.LatencyP50, mesh.LatencyP90, mesh.LatencyP99,
	mesh.InFlight, mesh.Utilization, mesh.CPU, mesh.Memory, mesh.Up, mesh.Age)

// seen is what a window shows of one endpoint, by series.
type seen map[string]float64

// healthy answers rate requests per second in 20 ms, busy a hundredth of it.
func healthy(rate float64) seen {
	return seen{
		mesh.RequestRate: rate, mesh.ErrorRatio: 0, mesh.LatencyMean: 0.020, mesh.LatencyP50: 0.018, mesh.LatencyP90: 0.035,
		mesh.LatencyP99: 0.060, mesh.InFlight: rate * 0.020, mesh.Utilization: rate / 100, mesh.CPU: rate / 1000, mesh.Memory: 1e8,
		mesh.Up: 1, mesh.Age: 3,
	}
}

func (s seen) but(series string, v float64) seen {
	c := seen{}
	for k, x := range s {
		c[k] = x
	}
	c[series] = v
	return c
}

// gone is an endpoint that vanished.
var gone = seen{mesh.Up: 0}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// window makes the k-th window, 5 s apart, of endpoints named a, b, c, …
func window(s *mesh.Schema, k int, endpoints ...seen) mesh.Window {
	at := start.Add(time.Duration(k) * 5 * time.Second)
	w := mesh.Window{Service: "checkout", Schema: s, Time: at, Start: at.Add(-12 * time.Second), End: at.Add(-2 * time.Second)}
	for i, e := range endpoints {
		w.Endpoints = append(w.Endpoints, mesh.Endpoint{Name: fmt.Sprintf("%c", 'a'+i)})
		for _, q := range s.Series {
			v, ok := e[q.Name]
			if !ok {
				v = nan
			}
			w.Values = append(w.Values, v)
		}
		rate, ok := e[mesh.RequestRate]
		if !ok {
			rate = nan
		}
		w.Requests = append(w.Requests, rate*10)
	}
	return w
}

func push(t testing.TB, x *features.Extractor, w mesh.Window) *features.Frame {
	t.Helper()
	f, err := x.Push(w)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range f.X {
		if math.IsInf(float64(v), 0) {
			t.Fatalf("%s of endpoint %d is %v", f.Names[i%len(f.Names)], i/len(f.Names), v)
		}
	}
	return f
}

func value(t testing.TB, f *features.Frame, endpoint int, column string) float64 {
	t.Helper()
	c := f.Column(column)
	if c < 0 {
		t.Fatalf("no column %q", column)
	}
	return float64(f.Row(endpoint)[c])
}
