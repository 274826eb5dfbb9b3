package health

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Runner checks endpoints in turns, as often as their targets ask, each round
// begun up to a tenth of the interval early or late, so that rounds spread. At most
// so many endpoints are checked at once as it was made for: where all hang, rounds
// come later than asked. All methods may be called from anywhere at any time.
type Runner struct {
	most    int
	changed chan struct{} // holds one when a state has changed since it was taken
	wake    chan struct{} // holds one when the earliest round may have changed

	mu       sync.Mutex
	random   *rand.Rand
	services map[string]map[string]*probe
	due      schedule
}

// probe is the memory of one target.
type probe struct {
	target  Target
	next    time.Time
	place   int // in the schedule; −1: a round is under way, or it is followed no more
	gone    bool
	known   Checked
	against int // rounds in a row that say otherwise
}

// NewRunner returns a Runner that checks at most so many endpoints at once. The
// seed is that of its jitter. It does nothing until Run is called.
func NewRunner(most int, seed uint64) *Runner {
	return &Runner{
		most: max(most, 1), changed: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		random: rand.New(rand.NewPCG(seed, 0)), services: map[string]map[string]*probe{},
	}
}

// Follow replaces the targets of a service from now on. What is known of an
// endpoint is kept where it is checked as before; others begin as Unknown, at a
// random time within their interval. It refuses targets that are not valid, and
// changes nothing then.
func (r *Runner) Follow(service string, now time.Time, targets []Target) error {
	twice := map[string]bool{}
	for _, t := range targets {
		if err := t.Validate(); err != nil {
			return err
		}
		if twice[t.Endpoint] {
			return fmt.Errorf("health: endpoint %s of service %s stands twice; give each a name of its own", t.Endpoint, service)
		}
		twice[t.Endpoint] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old, next := r.services[service], make(map[string]*probe, len(targets))
	for _, t := range targets {
		if p := old[t.Endpoint]; p != nil && p.target.alike(t) {
			next[t.Endpoint] = p
			delete(old, t.Endpoint)
			continue
		}
		p := &probe{target: t, next: now.Add(time.Duration(r.random.Float64() * float64(t.Interval)))}
		next[t.Endpoint] = p
		r.due.add(p)
	}
	for _, p := range old {
		p.gone = true
		r.due.remove(p)
	}
	r.services[service] = next
	signal(r.wake)
	return nil
}

// Checked is what is known of an endpoint; Unknown of one that is not followed.
func (r *Runner) Checked(service, endpoint string) Checked {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.services[service][endpoint]; p != nil {
		return p.known
	}
	return Checked{}
}

// Changed receives after the state of an endpoint has changed, once for any number
// of changes.
func (r *Runner) Changed() <-chan struct{} { return r.changed }

// Run checks until ctx ends. It returns when all that it began has ended, and
// what is then under way counts for nothing.
func (r *Runner) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	free := make(chan struct{}, r.most)
	for {
		p, wait := r.take(time.Now())
		if p == nil {
			if !r.idle(ctx, wait) {
				return
			}
			continue
		}
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		running.Go(func() {
			defer func() { <-free }()
			r.round(ctx, p)
		})
	}
}

// idle waits for the next round, at most for a time where there is one, and
// reports false when ctx has ended.
func (r *Runner) idle(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.wake:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// take returns the target whose round is due, out of the schedule, or nil and how
// long it is until one is.
func (r *Runner) take(now time.Time) (*probe, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.due) == 0 {
		return nil, time.Hour // Follow wakes it before
	}
	p := r.due[0]
	if wait := p.next.Sub(now); wait > 0 {
		return nil, wait
	}
	r.due.remove(p)
	return p, 0
}

// round runs the checks of p once.
func (r *Runner) round(ctx context.Context, p *probe) {
	begun := time.Now()
	limited, cancel := context.WithTimeout(ctx, p.target.Timeout)
	results := Run(limited, p.target.Checks)
	cancel()
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.gone {
		return
	}
	before := p.known.State
	p.known, p.against = p.target.after(p.known, p.against, Judge(results, p.target.Least))
	if p.known.State != before {
		signal(r.changed)
	}
	jitter := 0.9 + 0.2*r.random.Float64()
	p.next = begun.Add(time.Duration(jitter * float64(p.target.Interval)))
	r.due.add(p)
	signal(r.wake)
}

// signal leaves a note on ch, which holds one, unless there is one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
