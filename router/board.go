package router

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// Board sets no weights from the load, it passes it on: what the newest window
// says goes to the pickers in Decision.Board (see tellLoad and tellSpeed), beside
// weights that are equal, or with capacity = 1 in proportion to the capacities
// (see capacityOf). It makes power of two choices, which elsewhere polls the
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
		if dst.Weights[i] = 1; p.capacity {
			dst.Weights[i] = capacityOf(f, i)
		}
	}
	if !stale {
		tellLoad(&dst.Board, f)
		tellSpeed(&dst.Board, f)
	}
	finish(dst, f)
	return nil
}

// tellLoad puts the requests in flight on a board.
func tellLoad(b *picker.Board, f *features.Frame) {
	for i := range f.Endpoints {
		b.InFlight = append(b.InFlight, counted(f.At(i, mesh.InFlight)))
	}
	b.InFlight = told(b.InFlight)
}

// tellSpeed puts on a board what each endpoint can do: its capacity (see
// capacityOf), and, for want of a prediction, the mean latency of the last
// windows for that of an idle endpoint.
func tellSpeed(b *picker.Board, f *features.Frame) {
	for i := range f.Endpoints {
		b.Service = append(b.Service, positive(column(f, i, "latency_ref_seconds")))
		b.Capacity = append(b.Capacity, capacityOf(f, i))
	}
	b.Service, b.Capacity = told(b.Service), told(b.Capacity)
}

// told is a part of a board, empty where nothing in it is known.
func told(list []float64) []float64 {
	for _, x := range list {
		if !math.IsNaN(x) {
			return list
		}
	}
	return list[:0]
}
