package client

import (
	"context"
	"maps"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// Watch keeps the weights of the services (none named: all) up to date until
// ctx ends or the client is closed, and returns why. It tries again for as
// long as the daemon is away; report, which may be nil, hears of each failure.
// One goroutine watches; any number pick meanwhile.
func (c *Client) Watch(ctx context.Context, services []string, report func(error)) error {
	wait := c.cfg.Retry
	for {
		got, err := c.watchOnce(ctx, services)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case status.Code(err) == codes.Canceled: // Close
			return err
		}
		if report != nil {
			report(err)
		}
		if got {
			wait = c.cfg.Retry
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, c.cfg.MaxRetry)
	}
}

// watchOnce reads one stream to its end and reports whether anything came. It
// asks for everything: the versions of a daemon that was started anew are not
// comparable with those of the one before.
func (c *Client) watchOnce(ctx context.Context, services []string) (got bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.router.Watch(ctx, &fairwayv1.WatchRequest{Services: services})
	if err != nil {
		return false, err
	}
	for {
		w, err := stream.Recv()
		if err != nil {
			return got, err
		}
		got = true
		c.store(w)
	}
}

// store is called by one goroutine per Watch; two Watches of the same service
// bring the same.
func (c *Client) store(w *fairwayv1.ServiceWeights) {
	fresh := newTable(w, c.cfg.Clock())
	for {
		old := c.tables.Load()
		next := maps.Clone(*old)
		next[w.Service] = fresh
		if c.tables.CompareAndSwap(old, &next) {
			return
		}
	}
}
