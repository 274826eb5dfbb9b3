package lab

import (
	"math"
	"sync"
	"time"
)

// pool is a bounded queue in front of bounded workers: first come, first
// served. Safe for concurrent use; time is an argument.
type pool struct {
	mu      sync.Mutex
	workers int // of a healthy endpoint
	queue   int // how many may wait
	lost    int // workers that are gone
	held    int // workers that are busy for ever
	serving int
	waiting []chan struct{}

	busySeconds float64 // integral of the busy workers up to changed
	changed     time.Time
}

// enter takes a worker or a place in the queue. The turn is closed when a
// worker is free; after it, leave must be called. A full queue gives false.
func (p *pool) enter(now time.Time) (turn <-chan struct{}, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	place := make(chan struct{})
	if len(p.waiting) >= p.queue && p.serving >= p.free() {
		return nil, false
	}
	p.waiting = append(p.waiting, place)
	p.admit(now)
	return place, true
}

// leave gives the worker back.
func (p *pool) leave(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.account(now)
	p.serving--
	p.admit(now)
}

// spoil takes parts of the pool away; one worker always stays.
func (p *pool) spoil(now time.Time, lost, held float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.account(now)
	p.lost = min(int(math.Round(lost*float64(p.workers))), p.workers-1)
	p.held = min(int(held*float64(p.workers)), p.workers-p.lost-1)
	p.admit(now)
}

// look returns the state: workers in the pool, those busy, requests waiting,
// and the seconds that workers have been busy in all.
func (p *pool) look(now time.Time) (workers, busy, waiting int, busySeconds float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.account(now)
	return p.workers - p.lost, p.serving + p.held, len(p.waiting), p.busySeconds
}

// free is how many requests can be served at once.
func (p *pool) free() int { return p.workers - p.lost - p.held }

func (p *pool) admit(now time.Time) {
	p.account(now)
	for len(p.waiting) > 0 && p.serving < p.free() {
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
		p.serving++
	}
}

func (p *pool) account(now time.Time) {
	if !p.changed.IsZero() {
		p.busySeconds += float64(p.serving+p.held) * now.Sub(p.changed).Seconds()
	}
	p.changed = now
}
