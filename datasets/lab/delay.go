package lab

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Delay says how late things were that had a time to happen at.
type Delay struct {
	P50, P99, Max time.Duration
}

func (d Delay) String() string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1000) }
	return "p50 " + ms(d.P50) + ", p99 " + ms(d.P99) + ", max " + ms(d.Max)
}

// delayOf sorts late. The rank of a percentile is rounded up.
func delayOf(late []time.Duration) Delay {
	if len(late) == 0 {
		return Delay{}
	}
	slices.Sort(late)
	at := func(percent int) time.Duration { return late[(len(late)*percent+99)/100-1] }
	return Delay{at(50), at(99), late[len(late)-1]}
}

// lateness measures how late each wait of 10 ms ends on this machine.
func lateness(ctx context.Context) []time.Duration {
	const step = 10 * time.Millisecond
	var late []time.Duration
	for next := time.Now().Add(step); sleepUntil(ctx, next); next = time.Now().Add(step) {
		late = append(late, time.Since(next))
	}
	return late
}

// sleepUntil reports false when ctx ended first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	wait := time.NewTimer(time.Until(t))
	defer wait.Stop()
	select {
	case <-wait.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
