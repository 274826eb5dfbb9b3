package picker

import (
	"math"
	"time"
)

// cubic limits what one proxy sends to one endpoint, after C3's simulator
// (absim, client.py): a bucket of tokens whose rate grows along a cubic curve
// while answers come faster than requests may go, and is cut while they come
// slower. Rates are requests per interval, and the curve's time is in
// milliseconds, as in the code.
//
// The bucket fills at the rate that is now for all of the time since a request
// was sent last, also the time before the rate was what it is now: so it is in
// absim (RateLimiter.getTokens) and in C3's Cassandra (RateController.java), and
// the control lives on it. What a cut has denied is given back at once when the
// rate recovers. Where each part of the time counts at its own rate, an endpoint
// that answers 0.9 requests per interval is cut from 10 to 0.01 by its first
// five answers, gets nothing back, and what is held only grows: TestC3KeepsUp
// has both.
//
// What is published does starve where answers come well within an interval.
// With 4.2 requests per interval that take 1 to 4 ms: the bucket of 10 goes out
// at once; the first interval ends with received = 0.1 × 4, below the rate of
// 10; its five cuts go 2, 0.4, 0.08, 0.016, 0.01. No more answers are on their
// way that would raise it, received falls by a tenth each interval, while the
// curve, at C·T³, needs some 70 ms for a rate of 1. absim's control, ported to
// test this, answers 12,400 of 75,600 requests so (scenario shift-load without
// its bursts), and what waits grows without end. With a deadline, which neither
// code has, what is held has waited for nearly all of it when it is sent, and
// nothing is answered in time.
type cubic struct {
	rate, tokens float64
	stamp        time.Duration // of tokens: when a request was sent last

	received, count float64 // answers per interval: its average, and of this one
	interval        int64   // the number of this one

	cutRate     float64 // the rate when it was cut last
	cut, raised time.Duration
}

// cubicRule is what all limits of a picker have in common.
type cubicRule struct {
	c, beta, most, hysteresis, burst float64
	interval                         time.Duration
}

const (
	receivedNewest = 0.1  // how much an interval counts in the average (absim)
	leastRate      = 0.01 // absim
)

func (r *cubicRule) fresh() cubic {
	return cubic{rate: r.burst, tokens: r.burst, cutRate: r.burst}
}

// available is the number of tokens in the bucket.
func (l *cubic) available(now time.Duration, r *cubicRule) float64 {
	return min(r.burst, l.tokens+l.rate*float64(max(now-l.stamp, 0))/float64(r.interval))
}

// take takes a token for a request.
func (l *cubic) take(now time.Duration, r *cubicRule) {
	l.tokens = l.available(now, r) - 1
	l.stamp = max(l.stamp, now)
}

// wait is how long it takes until there is a token, at least a nanosecond.
func (l *cubic) wait(available float64, r *cubicRule) time.Duration {
	return time.Duration(math.Ceil((1-available)/l.rate*float64(r.interval))) + 1
}

// answered counts an answer and sets the rate anew.
func (l *cubic) answered(now time.Duration, r *cubicRule) {
	l.roll(now, r)
	l.count++
	switch {
	case l.rate < l.received:
		l.raised = now
		grown := l.curve(now, r)
		l.rate = max(leastRate, min(grown, l.rate+r.most))
	case l.received > 0 && l.rate > l.received && float64(now-l.raised) > r.hysteresis*float64(r.interval):
		l.cutRate = l.rate
		l.rate = max(leastRate, l.rate*r.beta)
		l.cut = now
	}
}

// curve is C·(T − ∛(R·β/C))³ + R, where R is the rate of the last cut, T ago.
func (l *cubic) curve(now time.Duration, r *cubicRule) float64 {
	t := float64(now-l.cut) / float64(time.Millisecond)
	t -= math.Cbrt(l.cutRate * r.beta / r.c)
	return r.c*t*t*t + l.cutRate
}

// roll ends the intervals that have passed.
func (l *cubic) roll(now time.Duration, r *cubicRule) {
	n := int64(now / r.interval)
	if n <= l.interval {
		return
	}
	l.received += receivedNewest * (l.count - l.received)
	if idle := n - l.interval - 1; idle > 0 {
		l.received *= math.Pow(1-receivedNewest, float64(idle))
	}
	l.count, l.interval = 0, n
}
