package datasets

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/prom"
)

// numbered returns slices that start at 1, 2, … seconds, and err after n.
func numbered(n int, err error) func(context.Context) (prom.Slice, error) {
	i := 0
	return func(ctx context.Context) (prom.Slice, error) {
		if i++; i > n {
			return prom.Slice{}, err
		}
		return prom.Slice{Start: time.Unix(int64(i), 0)}, ctx.Err()
	}
}

func TestAheadKeepsTheOrderAndTheError(t *testing.T) {
	broken := errors.New("broken")
	for _, end := range []error{io.EOF, broken} {
		var got []int64
		var last error
		for s, err := range ahead(t.Context(), numbered(5, end)) {
			if last = err; err == nil {
				got = append(got, s.Start.Unix())
			}
		}
		if len(got) != 5 || got[0] != 1 || got[4] != 5 || end == io.EOF && last != nil || end == broken && last != broken {
			t.Errorf("slices %v, error %v", got, last)
		}
	}
}

// TestAheadEndsWithItsReader: after the reader has left, nothing runs any more.
func TestAheadEndsWithItsReader(t *testing.T) {
	started, ended := make(chan struct{}), false
	first := true
	for range ahead(t.Context(), func(ctx context.Context) (prom.Slice, error) {
		if first {
			first = false
			return prom.Slice{}, nil
		}
		close(started)
		<-ctx.Done() // a query that only the end of its context ends
		ended = true
		return prom.Slice{}, ctx.Err()
	}) {
		<-started
		break
	}
	if !ended {
		t.Error("the query goes on without a reader")
	}
}

func TestAheadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range ahead(ctx, numbered(1_000_000, io.EOF)) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ended with %v", last)
	}
}
