package sim

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// reading keeps the boards that it is brought.
type reading struct {
	picker.Picker
	boards []picker.Board
}

func (r *reading) Board(b picker.Board) { r.boards = append(r.boards, b.Clone()) }

// TestBoardReachesProxies with all its parts, one value per endpoint.
func TestBoardReachesProxies(t *testing.T) {
	policy, err := router.Named("board", nil, nil, router.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	x, s := &reading{}, steady(3)
	s.Metrics = Metrics{Scrape: time.Second, Step: time.Second, Range: 2 * time.Second}
	runOne(t, s, 1, router.Strategy{Name: "reading", Policy: policy, Picker: func(c picker.Config) picker.Picker {
		x.Picker = picker.NewWeighted(mesh.Weights{1, 1, 1}, c.Seed)
		return x
	}})
	if len(x.boards) == 0 {
		t.Fatal("no board came")
	}
	last := x.boards[len(x.boards)-1]
	for what, list := range map[string][]float64{"in flight": last.InFlight, "service": last.Service, "capacity": last.Capacity} {
		if len(list) != 3 || slices.ContainsFunc(list, func(x float64) bool { return !(x >= 0) }) {
			t.Errorf("%s: %v", what, list)
		}
	}
}

// TestBoardIsSpread over the run's endpoints, of which a frame may lack some.
func TestBoardIsSpread(t *testing.T) {
	l := &loop{weights: make(mesh.Weights, 4), rows: []int{2, 0}}
	got := l.spread([]float64{7, 7, 7, 7, 7}, []float64{5, 6})
	if len(got) != 4 || got[0] != 6 || got[2] != 5 || !math.IsNaN(got[1]) || !math.IsNaN(got[3]) {
		t.Errorf("spread to %v", got)
	}
	if got = l.spread(got, nil); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
