package picker

import (
	"math"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestScoutReadsABoard(t *testing.T) {
	p := named[*scout](t, "hot_cold", Config{Endpoints: 4, Seed: 1})
	nan := math.NaN()
	p.Board(Board{InFlight: []float64{5, nan, 1}, Service: []float64{0.01, 0.02, nan, nan}, Capacity: []float64{200, 200, 100, nan}})
	near(t, "usual", p.known[0].usual.or(-1), 5)
	near(t, "unknown", p.known[1].usual.or(-1), -1)
	// A mean of 500/3 requests/s.
	near(t, "ratio", p.known[2].ratio, 5.0/3)
	near(t, "ratio of the unknown", p.known[3].ratio, 1)
	p.tell(0, 0, 3)
	p.Probed(0, 1, mesh.Load{InFlight: 3, Latency: 0.02})
	p.Board(Board{InFlight: []float64{9}, Capacity: []float64{math.Inf(1), 1e9, 1, -5}})
	near(t, "usual of who answers", p.known[0].usual.or(-1), 5-0.3*2)
	near(t, "ratio of who tells latencies", p.known[1].ratio, 2.5/3)
	near(t, "a bounded ratio", p.known[2].ratio, most)
	p.Board(Board{Service: []float64{nan, nan, 0.01, 0.03}})
	near(t, "ratio by the service time", p.known[3].ratio, 1.5)
	p.Board(Board{})
	near(t, "ratio without a board", p.known[3].ratio, 1)
	if x := p.Pick(0, nil); x < 0 {
		t.Error("picks nobody")
	}
}

// TestScoutHeedsWeights: half of what would be an endpoint's by its capacity is
// no reason to spare it, a tenth is; near-ties are by weight.
func TestScoutHeedsWeights(t *testing.T) {
	p := named[*scout](t, "hot_cold", Config{Weights: mesh.Weights{0.45, 0.05, 0.5}, Seed: 1})
	near(t, "spared", p.known[1].spared, 1/(0.05*3)/2)
	near(t, "not spared", p.known[0].spared, 1)
	p.Board(Board{Capacity: []float64{450, 50, 500}})
	near(t, "as small as its capacity", p.known[1].spared, 1)

	p = scouting(t, "hot_cold:near=0.1", 2, 2, 2)
	p.Update(mesh.Weights{0.75, 0.25})
	counts := [2]float64{}
	for range 20_000 {
		i := p.Pick(480*ms, nil)
		counts[i]++
		p.recall(i)
	}
	if math.Abs(counts[0]/20_000-0.75) > 0.02 {
		t.Errorf("of a tie they are picked %v times; want 3 to 1", counts)
	}
}
