package replay_test

import (
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/router"
)

// always is a policy that sends a fixed part to the first of two endpoints.
type always struct {
	name  string
	first float64
}

func (p always) Name() string { return p.name }

func (p always) Decide(d *router.Decision, f *features.Frame) error {
	d.Source, d.Weights = router.SourceRules, mesh.Weights{p.first, 1 - p.first}
	return nil
}

// Ten minutes of a service with a fast and a slow endpoint, each of which got
// half of the requests.
func Example() {
	cfg := replay.DefaultConfig()
	cfg.Recording = "example"
	cfg.Timing = mesh.Timing{Step: 5 * time.Second, Horizon: 30 * time.Second}
	schema := &mesh.Schema{Series: []mesh.Series{{Name: mesh.LatencyMean}}}
	pairs := func(yield func(datasets.Pair, error) bool) {
		for i := range 120 {
			w := mesh.Window{
				Service: "shop", Time: time.Unix(int64(5*i), 0), Schema: schema,
				Endpoints: []mesh.Endpoint{{Name: "fast"}, {Name: "slow"}},
				Values:    []float64{0.010, 0.030 + 0.002*float64(i%3)}, Requests: []float64{100, 100},
			}
			if !yield(datasets.Pair{Frame: &features.Frame{Window: w}, After: w}, nil) {
				return
			}
		}
	}
	trace, err := replay.Run(pairs, []router.Policy{always{"even", 0.5}, always{"mostly fast", 0.9}}, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	table := trace.Table()
	fmt.Println(table.Label)
	for _, row := range table.Sections[0].Rows {
		fmt.Printf("%-14s %.1f ms, agreement %.0f %%\n", row.Policy, 1000*float64(row.Cost.Value), 100*float64(row.Agreement.Value))
	}
	// Output:
	// ignores load feedback
	// even           21.0 ms, agreement 50 %
	// mostly fast    12.2 ms, agreement 90 %
	// as recorded    21.0 ms, agreement 50 %
	// hindsight best 10.0 ms, agreement 100 %
}
