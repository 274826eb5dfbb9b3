package guard

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// tick is how often the buckets are filled, and second how many ticks go by
// between two looks at what a caller sent.
const (
	tick   = 100 * time.Millisecond
	second = 10
)

// forget is after how many seconds without a call or connection a caller is
// forgotten. What it did is remembered by the judge.
// Of those for whom the judge has no place, who may be ever other names, there may
// be any number.
const forget, forgetUnjudged = 600, 60

// caller is one identity. Calls touch permits, subject and left; the rest is the
// Guard's, under its lock, unless it is atomic.
type caller struct {
	name    string
	permits atomic.Pointer[permits]
	subject atomic.Pointer[threat.Subject] // nil: nobody in particular

	left                 atomic.Int64 // messages that may come until the next tick
	over, turned         atomic.Int64 // messages that came beyond, or of who may not or is too high a threat, in this second
	streams, connections atomic.Int64

	gone atomic.Bool // forgotten: who calls by that name has another

	limited error // what who sends too much is told

	held   int64   // what left was after the last tick
	credit float64 // parts of a message
	shadow float64 // what would be left, were a threat not only told
	ticks  int
	used   int64 // messages in this second
	idle   int   // seconds
}

func newCaller(name string, limits *Limits, allow []Grant) *caller {
	c := &caller{name: name, limited: limited(name, limits)}
	c.permits.Store(permitted(allow, name))
	c.held = limits.burst()
	c.left.Store(c.held)
	return c
}

// take is called for each message. It is false when there were too many.
func (c *caller) take() bool {
	if c.left.Add(-1) >= 0 {
		return true
	}
	c.left.Add(1)
	c.over.Add(1)
	return false
}

// fill puts what a tick brings into the bucket, half as much for a threat, and
// tells the judge once a second. It returns how many messages were let pass that
// a threat would not have had, were it not only told.
func (c *caller) fill(limits *Limits) (beyond int64) {
	left := c.left.Load()
	used := max(c.held-left, 0)
	c.used += used
	rate, burst := limits.Rate, limits.burst()
	if tier := c.subject.Load().Tier(); tier.Level() > threat.Low {
		tightRate, tightBurst := rate/2, max(burst/2, 1)
		if tier.Enforced() {
			rate, burst = tightRate, tightBurst
		} else {
			beyond = c.overshadow(used, tightRate, tightBurst)
		}
	}
	c.credit += rate * tick.Seconds()
	more := min(int64(math.Floor(min(c.credit, 1<<40))), burst-left) // negative where the bucket has become smaller
	if c.credit -= float64(max(more, 0)); c.credit > 1 {             // the bucket is full: what does not fit is lost
		c.credit = 0
	}
	c.left.Add(more)
	c.held = left + more
	if c.ticks++; c.ticks == second {
		c.tell(limits)
		c.ticks, c.used = 0, 0
	}
	return beyond
}

// overshadow is the bucket of a threat that is only told.
func (c *caller) overshadow(used int64, rate float64, burst int64) (beyond int64) {
	c.shadow = min(c.shadow+rate*tick.Seconds(), float64(burst))
	beyond = max(used-int64(c.shadow), 0)
	c.shadow = max(c.shadow-float64(used), 0)
	return beyond
}

// tell tells the judge of the second that has passed. The limit that counts as
// exceeded is the configured one: else who is tightened would be more feared for
// it.
func (c *caller) tell(limits *Limits) {
	over, turned := c.over.Swap(0), c.turned.Swap(0)
	subject, attempted := c.subject.Load(), c.used+over+turned
	if c.idle++; attempted > 0 || c.connections.Load() > 0 || c.streams.Load() > 0 {
		c.idle = 0
	}
	subject.Sent(c.used, attempted)
	if tight := subject.Tier().Level() > threat.Low && subject.Tier().Enforced(); over > 0 && !tight || tight && attempted > max(int64(limits.Rate), limits.burst()) {
		subject.Exceeded(threat.Rate)
	}
}
