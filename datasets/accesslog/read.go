package accesslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/fairway-mesh/fairway/datasets"
)

// mostFiles bounds what is open at once.
const mostFiles = 500

// Read streams the requests of the files, plain or packed with gzip or zstd, in
// the order of their arrival: the files are read side by side, be they one log
// in pieces or the logs of several proxies. It fills the tally. An error ends
// the stream: of a file that cannot be opened, read or recognised, of one of
// which more than half is bad, and when ctx ends.
func Read(ctx context.Context, c Config, t *Tally, paths ...string) iter.Seq2[datasets.Request, error] {
	return func(yield func(datasets.Request, error) bool) {
		more := true
		err := readAll(ctx, &c, t, paths, func(r datasets.Request) bool {
			more = yield(r, nil)
			return more
		})
		if err != nil && more {
			yield(datasets.Request{}, err)
		}
	}
}

// source is a stream and the request that it gives next.
type source struct {
	*stream
	next datasets.Request
	at   int // among the files
}

func readAll(ctx context.Context, c *Config, t *Tally, paths []string, take func(datasets.Request) bool) (err error) {
	if err := c.Validate(); err != nil {
		return err
	}
	if len(paths) > mostFiles {
		return fmt.Errorf("%d files are more than the %d that are read at once; put those of one proxy together (cat, in the order of time)", len(paths), mostFiles)
	}
	merged := heap[source]{less: func(a, b *source) bool {
		if c := a.next.Time.Compare(b.next.Time); c != 0 {
			return c < 0
		}
		return a.at < b.at
	}}
	var open []*stream
	defer func() {
		for _, s := range open {
			err = errors.Join(err, s.lines.close())
		}
	}()
	advance := func(s source) (err error) {
		if s.next, err = s.stream.next(); err == nil {
			merged.push(s)
		} else if err == io.EOF {
			err = nil
		}
		return err
	}
	for i, path := range paths {
		s, err := openStream(c, t, path)
		if err != nil {
			return err
		}
		open = append(open, s)
		if err := errors.Join(ctx.Err(), advance(source{stream: s, at: i})); err != nil {
			return err
		}
	}
	n := 0
	for ; len(merged.items) > 0; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		s := merged.pop()
		if !take(s.next) {
			return nil
		}
		if err := advance(s); err != nil {
			return err
		}
	}
	if n == 0 {
		return fmt.Errorf("%s: no request was sent to an endpoint: there is nothing to import", strings.Join(paths, ", "))
	}
	return nil
}
