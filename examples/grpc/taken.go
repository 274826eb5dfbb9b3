package main

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/fairway-mesh/fairway/replay/report"
)

// taken is what became of the requests of one third.
type taken struct {
	start  time.Time
	served look      // when it began
	shares []float64 // of the slow endpoint, for each second that has passed
	last   look      // when the newest of them ended; zero: at the beginning

	mu      sync.Mutex
	answers []answer
}

type answer struct {
	at     time.Duration // since the start
	took   float64       // seconds
	failed bool
}

// look is how many requests have been served, by the slow endpoint and by all.
type look struct{ slow, all int64 }

func (f fleet) look() look {
	l := look{slow: f[0].served.Load()}
	for _, e := range f {
		l.all += e.served.Load()
	}
	return l
}

// share is that of the slow endpoint since before; NaN where nothing was served.
func (l look) share(before look) float64 {
	if l.all == before.all {
		return math.NaN()
	}
	return float64(l.slow-before.slow) / float64(l.all-before.all)
}

// second notes the share of each second that is over at a time.
func (t *taken) second(at time.Time, all fleet) {
	for at.Sub(t.start) >= time.Duration(len(t.shares)+1)*time.Second {
		if len(t.shares) == 0 {
			t.last = t.served
		}
		now := all.look()
		t.shares = append(t.shares, now.share(t.last))
		t.last = now
	}
}

// ask is one request. What fails has taken its deadline.
func (t *taken) ask(ctx context.Context, client grpc_health_v1.HealthClient, due time.Time) {
	ctx, cancel := context.WithDeadline(ctx, due.Add(deadline))
	defer cancel()
	_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	a := answer{due.Sub(t.start), time.Since(due).Seconds(), err != nil}
	if a.failed {
		a.took = deadline.Seconds()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers = append(t.answers, a)
}

// phase sums all of it up, when all answers have come.
func (t *taken) phase(name string, share float64) report.Phase {
	p := report.Phase{Name: name, Requests: len(t.answers), Share: share}
	for _, a := range t.answers {
		if a.failed {
			p.Failed++
		}
	}
	times := t.within(0, math.MaxInt64)
	p.P50, p.P90, p.P99 = quantile(times, 0.5), quantile(times, 0.9), quantile(times, 0.99)
	return p
}

// add puts a third behind those before.
func (t *taken) add(run *report.Run, p report.Phase) {
	run.Phases = append(run.Phases, p)
	for i, share := range t.shares {
		times := t.within(time.Duration(i)*time.Second, time.Duration(i+1)*time.Second)
		run.P50, run.P99 = append(run.P50, quantile(times, 0.5)), append(run.P99, quantile(times, 0.99))
		run.Share = append(run.Share, share)
	}
}

// within sorts the times of the requests that were due then.
func (t *taken) within(from, to time.Duration) (times []float64) {
	for _, a := range t.answers {
		if a.at >= from && a.at < to {
			times = append(times, a.took)
		}
	}
	slices.Sort(times)
	return times
}

// quantile is NaN of nothing; the times are sorted.
func quantile(times []float64, q float64) float64 {
	if len(times) == 0 {
		return math.NaN()
	}
	return times[min(int(q*float64(len(times))), len(times)-1)]
}
