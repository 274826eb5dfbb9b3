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
type cubic struct {
	rate, tokens float64
	stamp        time.Duration // of tokens

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

// available refills the bucket and is the number of tokens in it.
func (l *cubic) available(now time.Duration, r *cubicRule) float64 {
	if now > l.stamp {
		l.tokens = min(r.burst, l.tokens+l.rate*float64(now-l.stamp)/float64(r.interval))
		l.stamp = now
	}
	return l.tokens
}

// wait is how long it takes until there is a token, at least a nanosecond.
func (l *cubic) wait(r *cubicRule) time.Duration {
	return time.Duration(math.Ceil((1-l.tokens)/l.rate*float64(r.interval))) + 1
}

// answered counts an answer and sets the rate anew.
func (l *cubic) answered(now time.Duration, r *cubicRule) {
	l.available(now, r) // at the rate so far
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
