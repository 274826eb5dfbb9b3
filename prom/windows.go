package prom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Query asks for windows at Time = Start, Start+Step, … ≤ End, each of which
// describes the span of Range up to Time − Delay. Horizon does not matter.
type Query struct {
	Start, End time.Time
	mesh.Timing
}

// Windows yields the windows of a query in time order, services in name order
// within a time. The windows are the caller's to keep.
//
// A window has the endpoints of its service that had any value since the start
// of the query. One that vanished stays for a while (see left and forgotten),
// with missing values and, if the schema asks for it, up = 0. One that has not
// appeared yet is absent. A value is NaN where the query has no result, or one
// that is not finite. docs/time.md has the rules of time.
//
// The first error is the last thing that is yielded. A source that has none of
// the schema's metrics is a *Misfit; a query that finds nothing from Start to
// End is an error too.
func Windows(ctx context.Context, src Source, s *mesh.Schema, q Query) iter.Seq2[mesh.Window, error] {
	return func(yield func(mesh.Window, error) bool) {
		walk, err := NewWalk(src, s, q)
		if err != nil {
			yield(mesh.Window{}, err)
			return
		}
		for {
			slice, err := walk.Next(ctx)
			for _, w := range slice.Windows {
				if !yield(w, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(mesh.Window{}, err)
				return
			}
		}
	}
}

// Poll yields the windows of a live source as time passes: at each tick those
// of all services, by name, or one error for that tick. A tick that takes
// longer than t.Step is an error, and Poll goes on with the next one after any
// error. It ends with ctx, or when ticks is closed. The clock, and what
// happens to ticks while the caller works, are the caller's.
func Poll(ctx context.Context, src Source, s *mesh.Schema, t mesh.Timing, ticks <-chan time.Time) iter.Seq2[mesh.Window, error] {
	return func(yield func(mesh.Window, error) bool) {
		for windows, err := range PollAll(ctx, src, s, t, ticks) {
			if err != nil && !yield(mesh.Window{}, err) {
				return
			}
			for _, w := range windows {
				if !yield(w, nil) {
					return
				}
			}
		}
	}
}

// PollAll is Poll with the windows of a tick together.
func PollAll(ctx context.Context, src Source, s *mesh.Schema, t mesh.Timing, ticks <-chan time.Time) iter.Seq2[[]mesh.Window, error] {
	return func(yield func([]mesh.Window, error) bool) {
		b, err := newBoard(s, t)
		if err != nil {
			yield(nil, err)
			return
		}
		for {
			select {
			case <-ctx.Done():
				return
			case tick, ok := <-ticks:
				if !ok {
					return
				}
				windows, err := b.tick(ctx, src, tick)
				if ctx.Err() != nil || !yield(windows, err) {
					return
				}
			}
		}
	}
}

// tick evaluates the windows of one time.
func (b *board) tick(ctx context.Context, src Source, at time.Time) ([]mesh.Window, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timing.Step)
	defer cancel()
	at = at.Truncate(time.Millisecond)
	_, err := b.fill(ctx, src, at, 1)
	var windows []mesh.Window
	if err == nil {
		windows, err = b.windows(at, 0)
	}
	if err == nil {
		err = b.astray()
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within the step of %s: %w", b.timing.Step, err)
		}
		return nil, fmt.Errorf("schema %s at %s: %w", b.schema.Name, clock(at.UnixMilli()), err)
	}
	if len(windows) > 0 {
		return windows, nil
	}
	if _, err := Check(ctx, src, b.schema); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("schema %s at %s: its metrics exist, but its queries find nothing yet", b.schema.Name, clock(at.UnixMilli()))
}
