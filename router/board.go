package router

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// Board sets no weights from the load, it passes it on: the requests in flight
// of the newest window go to the pickers in Decision.Board, beside weights that
// are equal, or with capacity = 1 in proportion to the capacities (see
// capacityOf). It makes power of two choices, which elsewhere polls the
// endpoints (YARP; Prequal, NSDI'24, figure 7, every 500 ms), comparable at
// equal information: pickers know what was scraped and nothing else.
//
// What nobody knows any more is taken off the board: after StaleAfter it is
// empty. Without a board a picker draws by the weights.
func Board(v Values, cfg Config) Policy {
	return &board{capacity: v["capacity"] >= 0.5, cfg: cfg}
}

var boardParameters = []picker.Parameter{
	{Name: "capacity", Default: 0, Min: 0, Max: 1, Unit: picker.Count, Help: "1: endpoints are drawn by their capacity"},
}

type board struct {
	capacity bool
	cfg      Config
}

func (p *board) Name() string { return "board" }

func (p *board) Decide(dst *Decision, f *features.Frame) error {
	if err := begin(dst, f, p.Name()); err != nil {
		return err
	}
	stale := dst.Age > p.cfg.staleAfter(f)
	for i := range dst.Weights {
		dst.Weights[i] = 1
		if p.capacity {
			dst.Weights[i] = capacityOf(f, i)
		}
		if queue := counted(f.At(i, mesh.InFlight)); !stale {
			dst.Board = append(dst.Board, queue)
		}
	}
	if !stale && math.IsNaN(average(f, mesh.InFlight)) {
		dst.Board = dst.Board[:0]
	}
	finish(dst, f)
	return nil
}
