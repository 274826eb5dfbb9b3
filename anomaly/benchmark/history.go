package benchmark

import (
	"context"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/prom"
)

// history is a recording of gauges on a grid of times.
type history struct {
	dump       *prom.Dump
	start, end time.Time
	step       time.Duration
}

func openHistory(ctx context.Context, path string, step time.Duration) (*history, error) {
	dump, err := prom.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	// A sample counts at its own step only: one that is missing is missing.
	dump.Lookback = step - time.Millisecond
	start, end := dump.Span()
	return &history{dump: dump, start: start, end: end, step: step}, nil
}

// series returns a metric's series, none when the recording does not have it;
// each has a value for every time of the grid.
func (h *history) series(ctx context.Context, metric string) (prom.Matrix, error) {
	return h.dump.Range(ctx, metric, h.start, h.end, h.step)
}

// last is the newest step of the grid that is not after t, in Unix seconds.
func (h *history) last(t float64) int {
	return int(math.Floor((t - float64(h.start.UnixMilli())/1e3) / h.step.Seconds()))
}

// at is the time of a step, in Unix seconds.
func (h *history) at(step int) float64 {
	return float64(h.start.Add(time.Duration(step)*h.step).UnixMilli()) / 1e3
}

func (h *history) steps() int { return int(h.end.Sub(h.start)/h.step) + 1 }
