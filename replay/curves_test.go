package replay

import (
	"math"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

// TestCurvesAreTheRowsOverTime: their mean over the time, weighed by the
// requests, is what the table says, and the weights are those of the policy.
func TestCurvesAreTheRowsOverTime(t *testing.T) {
	pairs := append(shop("shop", 300, 1), pair("shop", 300, gone, seen{100, 0.025, 0, 1}, seen{100, 0.080, 0, 1}))
	table := run(t, testConfig(), pairs, fixed{name: "equal"}, fixed{"two", mesh.Weights{0.6, 0.4, 0}}).Table()
	c := table.Sections[0].Curves
	if len(c.Start) > maxSlots || len(c.Start) < maxSlots/2 || len(c.Endpoints) != 3 {
		t.Fatalf("%d parts and %v; want at most %d", len(c.Start), c.Endpoints, maxSlots)
	}
	for i, row := range table.Sections[0].Rows {
		sum, n := 0.0, 0.0
		for _, x := range c.Rows[i].Cost {
			if !math.IsNaN(x) {
				sum, n = sum+x, n+1
			}
		}
		near(t, row.Policy+"'s cost over time", sum/n, float64(row.Cost.Value), 0.02*float64(row.Cost.Value))
	}
	for slot, weights := range c.Rows[1].Weights {
		near(t, "weight", weights[0], 0.6, 1e-12)
		near(t, "weight", weights[2], 0, 0)
		if slot == 0 {
			near(t, "recorded share", c.Rows[2].Weights[0][0]+c.Rows[2].Weights[0][1]+c.Rows[2].Weights[0][2], 1, 1e-12)
		}
	}
}
