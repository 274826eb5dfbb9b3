package prom

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Walk goes through the windows of a query, a slice of time at once. It may be
// taken up where another one with the same source, schema and query was left.
// It is not safe for concurrent use.
type Walk struct {
	src     Source
	query   Query
	board   *board
	at      time.Time // of the next window
	length  int       // of the next slice, in windows
	checked bool
	found   bool
}

// Slice is a run of consecutive windows.
type Slice struct {
	Start   time.Time // of the windows' times
	Next    time.Time // where the next slice starts
	Windows []mesh.Window
	// Memory is what is needed to go on from here, for Resume.
	Memory []byte
}

// firstSlice is how many windows are evaluated at first, to see how much
// memory they take; shortestSlice and longestSlice bound what follows from it.
// A Prometheus answers with at most 11,000 values of a series.
const (
	firstSlice    = 64
	shortestSlice = 16
	longestSlice  = 5000
)

// sliceWeight is how many samples of 16 bytes should be in memory for a slice.
// With what the engine keeps beside them for the next slice, and what waits
// for the garbage collector, it takes about three times as much.
const sliceWeight = 4_000_000

// NewWalk begins a walk. Nothing is asked yet.
func NewWalk(src Source, s *mesh.Schema, q Query) (*Walk, error) {
	b, err := newBoard(s, q.Timing)
	if err == nil && q.End.Before(q.Start) {
		err = fmt.Errorf("no window fits: the first would be due at %s, the last at %s; is the history shorter than range and delay (%s)?",
			clock(q.Start.UnixMilli()), clock(q.End.UnixMilli()), q.Range+q.Delay)
	}
	return &Walk{src: src, query: q, board: b, at: q.Start, length: firstSlice}, err
}

// Resume goes on after s, which an equal walk has given. Its windows need not
// be there.
func (w *Walk) Resume(s Slice) error {
	found, length, err := w.board.restore(s.Memory)
	if err != nil {
		return fmt.Errorf("the memory of the slice from %s: %w", clock(s.Start.UnixMilli()), err)
	}
	w.found, w.at, w.length = found, s.Next, min(max(length, shortestSlice), longestSlice)
	return nil
}

// Next evaluates the next slice. With an error come the windows before it. At
// the end of the query the error is io.EOF.
func (w *Walk) Next(ctx context.Context) (Slice, error) {
	s := Slice{Start: w.at, Next: w.at}
	n := min(steps(w.at, w.query.End, w.query.Step), w.length)
	if n == 0 {
		return s, w.end(ctx)
	}
	if !w.checked {
		if _, err := Check(ctx, w.src, w.board.schema); err != nil {
			return s, err
		}
		w.checked = true
	}
	weight, err := w.board.fill(ctx, w.src, w.at, n)
	if err != nil {
		return s, w.named(err)
	}
	for step := range n {
		windows, err := w.board.windows(w.at, step)
		if err != nil {
			return s, w.named(err)
		}
		s.Windows = append(s.Windows, windows...)
	}
	w.found = w.found || len(s.Windows) > 0
	w.at = w.at.Add(time.Duration(n) * w.query.Step)
	w.length = min(max(shortestSlice, n*sliceWeight/max(weight, 1)), longestSlice, 4*n)
	s.Next = w.at
	s.Memory, err = w.board.save(w.found, w.length)
	return s, err
}

// end says what the walk has not found.
func (w *Walk) end(ctx context.Context) error {
	if err := w.board.astray(); err != nil {
		return w.named(err)
	}
	if !w.found {
		between := fmt.Sprintf("between %s and %s", clock(w.query.Start.UnixMilli()), clock(w.query.End.UnixMilli()))
		missing, err := Check(ctx, w.src, w.board.schema)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			var lacking []string
			for _, m := range missing {
				lacking = append(lacking, m.Metric)
			}
			slices.Sort(lacking)
			return w.named(fmt.Errorf("its queries find nothing %s, and it asks for metrics that do not exist: %s; give another schema, or one of your own", between, some(slices.Compact(lacking))))
		}
		return w.named(fmt.Errorf("its metrics exist, but its queries find nothing %s; does the range of %s span two scrapes, and do the labels in the queries exist?", between, w.query.Range))
	}
	return io.EOF
}

func (w *Walk) named(err error) error { return fmt.Errorf("schema %s: %w", w.board.schema.Name, err) }

// At is the time of the next window.
func (w *Walk) At() time.Time { return w.at }

// WindowsVersion names what Walk makes of the same samples, schema and query.
// Whoever keeps windows keeps it with them. Raise it with every change after
// which some window would differ: in the board and what it remembers (board.go,
// remember.go), in what counts as alive (Dump.Lookback, stale markers), in the
// readers of dumps, in Memory's format, and with a version of the engine whose
// numbers differ.
const WindowsVersion = 1
