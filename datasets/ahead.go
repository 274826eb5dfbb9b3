package datasets

import (
	"context"
	"io"
	"iter"

	"github.com/fairway-mesh/fairway/prom"
)

// ahead takes slices from next while the one before is being used: queries
// and what is made of their answers take about as long as one another. It ends
// at io.EOF, and its goroutine with the iteration.
func ahead(ctx context.Context, next func(context.Context) (prom.Slice, error)) iter.Seq2[prom.Slice, error] {
	return func(yield func(prom.Slice, error) bool) {
		type result struct {
			slice prom.Slice
			err   error
		}
		ctx, cancel := context.WithCancel(ctx)
		results := make(chan result)
		go func() {
			defer close(results)
			for {
				s, err := next(ctx)
				select {
				case results <- result{s, err}:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
			}
		}()
		defer func() {
			cancel()
			for range results { // until the goroutine has ended
			}
		}()
		for r := range results {
			if r.err == io.EOF || !yield(r.slice, r.err) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(prom.Slice{}, err)
		}
	}
}
