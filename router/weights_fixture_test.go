package router

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
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
func defaults(parameters []picker.Parameter, changes Values) Values {
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

// richStory is a random history of n endpoints, windows in a row: loads, speeds
// and queues of all kinds; endpoints fail, fall silent and go down for a while.
func richStory(seed uint64, n, windows int) [][]row {
	r := rand.New(rand.NewPCG(seed, 99))
	list, trouble := rows(n), make([]int, n)
	for i := range list {
		list[i].capacity = 50 * math.Exp(0.5*r.NormFloat64())
	}
	var all [][]row
	for k := range windows {
		total := 20 * float64(n) * (1 + 0.4*math.Sin(float64(k)/5))
		now := slices.Clone(list)
		for i := range now {
			e := &now[i]
			e.rate = total / float64(n) * (0.5 + r.Float64())
			busy := e.rate / e.capacity
			e.utilization = min(busy, 1)
			e.mean = 1 / e.capacity / (1 - min(busy, 0.9)) * (0.9 + 0.2*r.Float64())
			e.p50, e.p99, e.inFlight = 0.7*e.mean, 4*e.mean, e.rate*e.mean
			e.moved = 0.1 * r.NormFloat64()
			if trouble[i]--; r.Float64() < 0.04 {
				trouble[i] = 1 + r.IntN(8)
			}
			if trouble[i] > 0 {
				switch i % 3 {
				case 0:
					*e = e.down()
				case 1:
					*e = e.silent()
				default:
					e.errors = 0.3
				}
			}
		}
		all = append(all, now)
	}
	return all
}
