package prom

import (
	"context"
	"errors"
	"fmt"
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

// sliceLength is how many windows are evaluated at once. It bounds memory, and
// what is read too early when the caller stops.
const sliceLength = 256

// Windows yields the windows of a query in time order, services in name order
// within a time. The windows are the caller's to keep.
//
// A window has the endpoints of its service that had any value since the start
// of the query. One that vanished stays for an hour, with missing values and,
// if the schema asks for it, up = 0; where its own `up` vanished too, it was
// taken away, and stays for two minutes. One that has not appeared yet is
// absent. A value is NaN where the query has no result, or one that is not finite.
//
// The first error is the last thing that is yielded. A source that has none of
// the schema's metrics is a *Misfit; a query that finds nothing from Start to
// End is an error too.
func Windows(ctx context.Context, src Source, s *mesh.Schema, q Query) iter.Seq2[mesh.Window, error] {
	return func(yield func(mesh.Window, error) bool) {
		b, err := newBoard(s, q.Timing)
		if err == nil && q.End.Before(q.Start) {
			err = fmt.Errorf("no window fits: the first would be due at %s, the last at %s; is the history shorter than range and delay (%s)?",
				clock(q.Start.UnixMilli()), clock(q.End.UnixMilli()), q.Range+q.Delay)
		}
		if err == nil {
			_, err = Check(ctx, src, s)
		}
		if err != nil {
			yield(mesh.Window{}, err)
			return
		}
		found := false
		for start, rest := q.Start, steps(q.Start, q.End, q.Step); rest > 0; {
			n := min(rest, sliceLength)
			if err := b.fill(ctx, src, start, n); err != nil {
				yield(mesh.Window{}, fmt.Errorf("schema %s: %w", s.Name, err))
				return
			}
			for step := range n {
				for _, w := range b.windows(start, step) {
					found = true
					if !yield(w, nil) {
						return
					}
				}
			}
			start, rest = start.Add(time.Duration(n)*q.Step), rest-n
		}
		if !found {
			yield(mesh.Window{}, fmt.Errorf("schema %s: its metrics exist, but its queries find nothing between %s and %s; does the range of %s span two scrapes, and do the labels in the queries exist?",
				s.Name, clock(q.Start.UnixMilli()), clock(q.End.UnixMilli()), q.Range))
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
		b, err := newBoard(s, t)
		if err != nil {
			yield(mesh.Window{}, err)
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
				if ctx.Err() != nil {
					return
				}
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
}

// tick evaluates the windows of one time.
func (b *board) tick(ctx context.Context, src Source, at time.Time) ([]mesh.Window, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timing.Step)
	defer cancel()
	at = at.Truncate(time.Millisecond)
	if err := b.fill(ctx, src, at, 1); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within the step of %s: %w", b.timing.Step, err)
		}
		return nil, fmt.Errorf("schema %s at %s: %w", b.schema.Name, clock(at.UnixMilli()), err)
	}
	if windows := b.windows(at, 0); len(windows) > 0 {
		return windows, nil
	}
	if _, err := Check(ctx, src, b.schema); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("schema %s at %s: its metrics exist, but its queries find nothing yet", b.schema.Name, clock(at.UnixMilli()))
}
