package prom

import (
	"context"
	"iter"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Query asks for windows at Time = Start, Start+Step, … ≤ End.
type Query struct {
	Start, End time.Time
	mesh.Timing
}

// Windows yields the windows of a query in time order, services in name order within a time.
func Windows(ctx context.Context, src Source, s *mesh.Schema, q Query) iter.Seq2[mesh.Window, error] {
	return func(yield func(mesh.Window, error) bool) {}
}

// Poll yields the windows of a live source as time passes.
func Poll(ctx context.Context, src Source, s *mesh.Schema, t mesh.Timing, ticks <-chan time.Time) iter.Seq2[mesh.Window, error] {
	return func(yield func(mesh.Window, error) bool) {}
}
