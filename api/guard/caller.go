package guard

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/anomaly"
)

// tick is how often the buckets are filled, and second how many ticks go by
// between two looks at the rate of a caller.
const (
	tick   = 100 * time.Millisecond
	second = 10
)

// forget is after how many seconds without a call or connection a caller is
// forgotten.
const forget = 600

// threat is how much a caller is to be feared, after the origin: an anomaly that
// exceeds its rate is high, another anomaly medium, everything else low.
type threat int

const (
	low threat = iota
	medium
	high
)

// caller is one identity. Calls touch permits and left; the rest is the Guard's,
// under its lock, unless it is atomic.
type caller struct {
	name    string
	permits atomic.Pointer[permits]

	left                 atomic.Int64 // messages that may come until the next tick
	over                 atomic.Bool  // more came
	streams, connections atomic.Int64

	limited error // what who sends too much is told

	held    int64   // what left was after the last tick
	credit  float64 // parts of a message
	ticks   int
	used    int64 // messages in this second
	pushing [1]float64
	pushed  [1]float64
	past    *anomaly.Tracker // of messages/s
	level   threat
	until   time.Time // when a high threat is over
	idle    int       // seconds
}

func newCaller(name string, limits *Limits, allow []Grant) *caller {
	c := &caller{name: name, limited: limited(name, limits)}
	c.permits.Store(permitted(allow, name))
	c.held = limits.burst()
	c.left.Store(c.held)
	if limits.Adaptive {
		c.past = anomaly.New(1, anomaly.DefaultConfig())
	}
	return c
}

// take is called for each message. It is false when there were too many.
func (c *caller) take() bool {
	if c.left.Add(-1) >= 0 {
		return true
	}
	c.left.Add(1)
	if !c.over.Load() {
		c.over.Store(true)
	}
	return false
}

// fill puts what a tick brings into the bucket, and judges once a second.
func (c *caller) fill(now time.Time, limits *Limits) {
	left := c.left.Load()
	c.used += max(c.held-left, 0)
	rate, burst := limits.Rate, limits.burst()
	switch c.level {
	case medium:
		rate, burst = rate/2, max(burst/2, 1)
	case high:
		rate, burst = 0, 0
	}
	c.credit += rate * tick.Seconds()
	more := min(int64(math.Floor(min(c.credit, 1<<40))), burst-left) // negative where the bucket has become smaller
	if c.credit -= float64(max(more, 0)); c.credit > 1 {             // the bucket is full: what does not fit is lost
		c.credit = 0
	}
	c.left.Add(more)
	c.held = left + more
	if c.ticks++; c.ticks == second {
		c.judge(now, limits)
		c.ticks, c.used = 0, 0
	}
}

// judge looks at the second that has passed.
func (c *caller) judge(now time.Time, limits *Limits) {
	if c.idle++; c.used > 0 || c.connections.Load() > 0 || c.streams.Load() > 0 {
		c.idle = 0
	}
	over := c.over.Swap(false) && c.level != high // who is refused exceeds nothing
	if c.past == nil || c.level == high && now.Before(c.until) {
		return
	}
	c.pushing[0] = float64(c.used)
	score := c.past.Push(c.pushed[:], float64(now.UnixNano())/1e9, c.pushing[:])
	switch {
	case !score.Warm || score.Value <= 0.5:
		c.level = low
	case over:
		c.level, c.until = high, now.Add(limits.Refuse)
	default:
		c.level = medium
	}
}
