package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

type requestList []*fairwayv1.DecideRequest

// measured is what a turn came to.
type measured struct {
	p50, p99 time.Duration
	rate     float64 // calls, or decisions, per second
}

func (m measured) String() string {
	return fmt.Sprintf("%.0f/s, p50 %v, p99 %v", m.rate, m.p50.Round(time.Microsecond), m.p99.Round(time.Microsecond))
}

// quantile sorts the times.
func quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(len(times)-1, int(q*float64(len(times))))]
}

// closed has callers call for d, each again as soon as it is answered. caller
// counts from 0, n its calls.
func closed(ctx context.Context, callers int, d time.Duration, call func(ctx context.Context, caller, n int) error) (measured, error) {
	times := make([][]time.Duration, callers)
	g, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for c := range callers {
		g.Go(func() error {
			for n := 0; ; n++ {
				start := time.Now()
				if start.Sub(begin) > d {
					return nil
				}
				if err := call(ctx, c, n); err != nil {
					return err
				}
				times[c] = append(times[c], time.Since(start))
			}
		})
	}
	err := g.Wait()
	took := time.Since(begin)
	all := slices.Concat(times...)
	return measured{quantile(all, 0.5), quantile(all, 0.99), float64(len(all)) / took.Seconds()}, err
}

// echoed measures the echo; the daemon rests meanwhile.
func (b *serveBench) echoed(ctx context.Context, size int) (measured, error) {
	in := &wrapperspb.BytesValue{Value: make([]byte, size)}
	return closed(ctx, callers, b.scaled(serveTurn), func(ctx context.Context, _, _ int) error {
		return b.echo.conn.Invoke(ctx, echoMethod, in, new(wrapperspb.BytesValue))
	})
}

// rebuilding measures the daemon while its table is rebuilt every second.
func (b *serveBench) rebuilding(measure func() (measured, error)) (m measured, err error) {
	if err := b.daemon.tell("1s"); err != nil {
		return m, err
	}
	m, err = measure()
	return m, firstError(err, b.daemon.tell("0s"))
}

func (l requestList) at(caller, n int) *fairwayv1.DecideRequest {
	return l[(caller*len(l)/callers+n)%len(l)]
}

func (b *serveBench) decided(ctx context.Context, in requestList) (measured, error) {
	return b.rebuilding(func() (measured, error) {
		return closed(ctx, callers, b.scaled(serveTurn), func(ctx context.Context, c, n int) error {
			_, err := b.daemon.router.Decide(ctx, in.at(c, n))
			return err
		})
	})
}

func (b *serveBench) batched(ctx context.Context, in requestList) (measured, error) {
	batches := make([]*fairwayv1.DecideBatchRequest, callers)
	for c := range batches {
		batches[c] = &fairwayv1.DecideBatchRequest{}
		for n := range serveBatch {
			batches[c].Requests = append(batches[c].Requests, in.at(c, n))
		}
	}
	m, err := b.rebuilding(func() (measured, error) {
		return closed(ctx, callers, b.scaled(serveShortTurn), func(ctx context.Context, c, _ int) error {
			_, err := b.daemon.router.DecideBatch(ctx, batches[c])
			return err
		})
	})
	m.rate *= serveBatch
	return m, err
}

// routed measures one Route with as many requests in flight as the other calls
// have callers.
func (b *serveBench) routed(ctx context.Context, in requestList) (measured, error) {
	return b.rebuilding(func() (m measured, err error) {
		stream, err := b.daemon.router.Route(ctx)
		if err != nil {
			return m, err
		}
		open := make(chan struct{}, callers)
		d, begin := b.scaled(serveShortTurn), time.Now()
		var sent errgroup.Group
		sent.Go(func() error {
			for n := 0; time.Since(begin) < d; n++ {
				open <- struct{}{}
				if err := stream.Send(in[n%len(in)]); err != nil {
					return err
				}
			}
			return stream.CloseSend()
		})
		n := 0
		for {
			if _, err = stream.Recv(); err != nil {
				break
			}
			<-open
			n++
		}
		took := time.Since(begin)
		if !errors.Is(err, io.EOF) {
			return m, err
		}
		return measured{rate: float64(n) / took.Seconds()}, sent.Wait()
	})
}

// paced calls Decide so many times a second, for so many seconds of the clock,
// from an even one on: the times of the calls that began in each.
func (b *serveBench) paced(ctx context.Context, in requestList, rate float64, seconds int) ([][]time.Duration, error) {
	first := time.Now().Truncate(2 * time.Second).Add(4 * time.Second)
	end := first.Add(time.Duration(seconds) * time.Second)
	gap := time.Duration(callers / rate * float64(time.Second))
	all := make([][][]time.Duration, callers)
	var late atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for c := range callers {
		all[c] = make([][]time.Duration, seconds)
		g.Go(func() error {
			due := first.Add(-time.Second + gap*time.Duration(c)/callers) // a second to settle
			for n := 0; due.Before(end); n++ {
				time.Sleep(time.Until(due))
				start := time.Now()
				if start.Sub(due) > gap {
					late.Add(1)
				}
				if _, err := b.daemon.router.Decide(ctx, in.at(c, n)); err != nil {
					return err
				}
				if second := int(start.Sub(first) / time.Second); !start.Before(first) && second < seconds {
					all[c][second] = append(all[c][second], time.Since(start))
				}
				due = due.Add(gap)
			}
			return nil
		})
	}
	err := g.Wait()
	merged := make([][]time.Duration, seconds)
	for s := range merged {
		for c := range all {
			merged[s] = append(merged[s], all[c][s]...)
		}
	}
	if n := late.Load(); n > 0 {
		b.say("%d calls began late, for want of processor", n)
	}
	return merged, err
}
