package picker

import (
	"math/rand/v2"
	"time"
)

// poll asks all open endpoints at once, and then each period at a random phase:
// proxies that start together do not ask together.
type poll struct {
	period, next time.Duration
	begun        bool
}

func (p *poll) probes(dst []int, now time.Duration, o *open, r *rand.Rand) ([]int, time.Duration) {
	if now < p.next {
		return dst, p.next
	}
	p.next = now + p.period
	if !p.begun {
		p.begun = true
		p.next = now + 1 + time.Duration(r.Float64()*float64(p.period))
	}
	return append(dst, o.list...), p.next
}
