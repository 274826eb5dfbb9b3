package picker

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// view is what a proxy knows of one endpoint.
type view struct {
	own   int           // requests of this proxy in flight
	moved time.Duration // when one of them was answered last, or the first sent
	asked time.Duration // when it was asked what it has not answered yet; none

	heard   bool          // it has answered a probe
	at      time.Duration // when last
	answers float64
	others  float64 // requests in flight then that were not ours
	usual   average // of these
	tells   bool    // it tells latencies
	latency float64 // the last that is known, seconds; 0: none

	ratio  float64 // of its latencies to those of the fleet at as many in flight
	prior  float64 // the same by the board
	past   average // of this
	slow   float64 // what follows from both for the cost
	spared float64 // what the slow loop's weights make of its cost
	fails  failing
}

var unheard = view{asked: none, ratio: 1, slow: 1, prior: 1, spared: 1}

func (k *view) send(now time.Duration) {
	if k.own == 0 {
		k.moved = now
	}
	k.own++
}

func (k *view) ask(now time.Duration) {
	if k.asked < 0 {
		k.asked = now
	}
}

// step is the weight that an answer has in averages over a span of time: by the
// time since the one before, and the first answers alike.
func (k *view) step(now, span time.Duration) float64 {
	const most = 0.3
	k.answers++
	if !k.heard {
		return most
	}
	x := 1 - math.Exp(-(now-k.at).Seconds()/span.Seconds())
	return max(min(x, most), 1/(k.answers+2))
}

// or is the average, x where it has not begun.
func (a *average) or(x float64) float64 {
	if a.begun {
		return a.mean
	}
	return x
}

// candidates are the endpoints that were heard of last, the oldest first.
type candidates []int32

// enter makes endpoint i the newest; beyond the capacity the oldest goes.
func (c *candidates) enter(i int) {
	at := slices.Index(*c, int32(i))
	if at < 0 && len(*c) == cap(*c) {
		at = 0
	}
	if at >= 0 {
		*c = slices.Delete(*c, at, at+1)
	}
	*c = append(*c, int32(i))
}

func (c *candidates) keep(o *open) {
	*c = slices.DeleteFunc(*c, func(i int32) bool { return !o.has(int(i)) })
}

// asking says how many endpoints are asked, and who does not answer.
type asking struct {
	each     float64 // probes for each request
	owed     float64
	patience float64 // seconds; 0: without end
	// How long an answer takes, and how far from that it is, seconds.
	takes, off float64
}

// sample appends distinct open endpoints, all alike.
func (a *asking) sample(dst []int, o *open, r *rand.Rand) []int {
	n := int(a.owed)
	a.owed -= float64(n)
	if n >= len(o.list) {
		return append(dst, o.list...)
	}
	start := len(dst)
	for len(dst)-start < n {
		if i := o.one(r); !contains(dst[start:], i) {
			dst = append(dst, i)
		}
	}
	return dst
}

// limit is how long an answer may take before its endpoint is suspect.
func (a *asking) limit() float64 { return max(a.patience, a.takes+8*a.off) }

// silent reports whether the endpoint has left a probe unanswered for too long.
func (a *asking) silent(now time.Duration, k *view) bool {
	return a.patience > 0 && k.asked >= 0 && (now-k.asked).Seconds() > a.limit()
}

// answered hears that endpoint k answers. What it did before it fell silent
// says nothing of it now.
func (a *asking) answered(now time.Duration, k *view) {
	if k.asked < 0 {
		return
	}
	if a.silent(now, k) {
		k.fails = failing{}
	}
	const step = 0.05
	x := min((now - k.asked).Seconds(), 4*a.limit()) // an outage says nothing of the network
	a.off += step * (math.Abs(x-a.takes) - a.off)
	a.takes += step * (x - a.takes)
	k.asked = none
}
