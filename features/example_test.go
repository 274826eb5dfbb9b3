package features_test

import (
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// Two endpoints share a service's load; one of them is slow.
func Example() {
	schema := &mesh.Schema{Series: []mesh.Series{{Name: mesh.RequestRate}, {Name: mesh.LatencyMean}, {Name: mesh.Utilization}}}
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	x := features.New(features.DefaultConfig())
	f, err := x.Push(mesh.Window{
		Service: "checkout", Schema: schema, Time: at, Start: at.Add(-12 * time.Second), End: at.Add(-2 * time.Second),
		Endpoints: []mesh.Endpoint{{Name: "fast"}, {Name: "slow"}},
		Values:    []float64{30, 0.010, 0.25 /**/, 10, 0.040, 0.50},
		Requests:  []float64{300, 100},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"share", "capacity_rps", "latency_vs_peers", "error_ratio"} {
		column := f.Column(name)
		fmt.Printf("%-16s  fast %6.2f  slow %6.2f\n", name, f.Row(0)[column], f.Row(1)[column])
	}
	// Output:
	// share             fast   0.75  slow   0.25
	// capacity_rps      fast 119.77  slow  20.11
	// latency_vs_peers  fast  -1.39  slow   1.39
	// error_ratio       fast    NaN  slow    NaN
}
