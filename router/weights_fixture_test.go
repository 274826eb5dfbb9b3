package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

var richSchema = &mesh.Schema{Name: "rich", Step: 5 * time.Second, Range: 5 * time.Second, Series: []mesh.Series{
	{Name: mesh.RequestRate}, {Name: mesh.ErrorRatio}, {Name: mesh.LatencyMean}, {Name: mesh.LatencyP50}, {Name: mesh.LatencyP99},
	{Name: mesh.InFlight}, {Name: mesh.Utilization}, {Name: mesh.Up},
}}

// row is all that the metrics say of one endpoint.
type row struct {
	name                                                    string
	rate, errors, mean, p50, p99, inFlight, utilization, up float64
	capacity, moved                                         float64 // of the features' memory
}

func (r row) silent() row {
	return row{r.name, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan}
}

func (r row) down() row { r = r.silent(); r.up = 0; return r }

// rows is n endpoints that do as well as each other.
func rows(n int) []row {
	list := make([]row, n)
	for i := range list {
		list[i] = row{fmt.Sprintf("e%03d", i), 20, 0, 0.020, 0.015, 0.060, 2, 0.4, 1, 50, 0}
	}
	return list
}

// looking is a frame of windows of 5 s, without any delay: the k-th ends at 5·k s.
func looking(k int, list ...row) *features.Frame {
	end := epoch.Add(time.Duration(k) * 5 * time.Second)
	f := &features.Frame{
		Window: mesh.Window{Service: "checkout", Schema: richSchema, Time: end, Start: end.Add(-5 * time.Second), End: end},
		Names:  []string{"capacity_rps", "capacity_vs_past"},
	}
	for _, r := range list {
		f.Endpoints = append(f.Endpoints, mesh.Endpoint{Name: r.name})
		f.Values = append(f.Values, r.rate, r.errors, r.mean, r.p50, r.p99, r.inFlight, r.utilization, r.up)
		f.Requests = append(f.Requests, r.rate*5)
		f.X = append(f.X, float32(r.capacity), float32(r.moved))
	}
	f.Anomalies = make([]features.Anomaly, len(list))
	return f
}

func same(t testing.TB, what string, got []float64, want ...float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v; want %v", what, got, want)
	}
	for i := range want {
		near(t, fmt.Sprintf("%s %d of %v", what, i, got), got[i], want[i], 1e-9)
	}
}

// defaults are a policy's parameters, with changes.
func defaults(parameters []Parameter, changes Values) Values {
	v := Values{}
	for _, p := range parameters {
		v[p.Name] = p.Default
	}
	for name, x := range changes {
		if _, there := v[name]; !there {
			panic("no parameter " + name)
		}
		v[name] = x
	}
	return v
}
