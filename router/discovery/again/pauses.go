package again

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pauses are how long to wait after one failure, and after the next: twice as long
// each time, and each between half of that and all of it, so that those who failed
// together do not come back together. They are used by one goroutine at a time.
type Pauses struct {
	least, most, next time.Duration
	random            *rand.Rand
}

// NewPauses begin with least and do not grow beyond most; seed makes their jitter.
func NewPauses(least, most time.Duration, seed uint64) *Pauses {
	return &Pauses{least, most, least, rand.New(rand.NewPCG(seed, 0))}
}

// Next is the pause after another failure.
func (p *Pauses) Next() time.Duration {
	d := p.next
	p.next = min(2*p.next, p.most)
	return p.Jittered(d)
}

// Over says that it has worked: the next failure is a first one.
func (p *Pauses) Over() { p.next = p.least }

// Jittered is a time between half of d and d.
func (p *Pauses) Jittered(d time.Duration) time.Duration {
	return d/2 + time.Duration(p.random.Float64()*float64(d-d/2))
}

// Sleep waits for d, or until ctx ends; it says whether ctx goes on.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
