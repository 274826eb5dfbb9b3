package cache

import (
	"context"
	"sync"
	"time"
)

// guarded is a layer with what keeps it from costing others anything: circuits, and a
// list of what is to be written, one entry of each key.
type guarded struct {
	Layer
	cfg           *Config
	local         bool
	reads, writes *circuit

	mu      sync.Mutex
	left    int // bytes that may wait
	pending map[string]Entry
	wake    chan struct{} // holds one when there is something pending
}

func newGuarded(l Layer, cfg *Config) *guarded {
	g := &guarded{Layer: l, cfg: cfg, left: cfg.Bytes, pending: map[string]Entry{}, wake: make(chan struct{}, 1)}
	_, g.local = l.(*Disk)
	turned := func(way string) func(error) {
		return func(err error) {
			if err != nil {
				cfg.Log.Warn("a layer of the cache fails; the others go on without", "layer", l.Name(), "in", way, "error", err)
			} else {
				cfg.Log.Info("a layer of the cache is back", "layer", l.Name(), "in", way)
			}
		}
	}
	g.reads = newCircuit(cfg, cfg.ReadTimeout, 4, turned("reading"))
	g.writes = newCircuit(cfg, cfg.WriteTimeout, 1, turned("writing"))
	return g
}

// add has an entry written unless a newer one waits. It reports whether there was room.
func (g *guarded) add(e Entry) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was, waits := g.pending[e.Key]
	if waits && was.Time.After(e.Time) {
		return true
	}
	more := size(e)
	if waits {
		more -= size(was)
	}
	if more > g.left {
		return false
	}
	g.left -= more
	g.pending[e.Key] = e
	select {
	case g.wake <- struct{}{}:
	default: // it is awake
	}
	return true
}

// take removes one entry that is to be written.
func (g *guarded) take() (Entry, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, e := range g.pending {
		delete(g.pending, key)
		g.left += size(e)
		return e, true
	}
	return Entry{}, false
}

// farewell is how long the end may take for what is not loaded and written yet.
const farewell = time.Second

// write writes what is pending to a layer until ctx ends.
func (c *Cache) write(ctx context.Context, l *guarded) {
	for ctx.Err() == nil {
		e, some := l.take()
		if !some {
			select {
			case <-l.wake:
			case <-ctx.Done():
			}
			continue
		}
		if c.put(ctx, l, e) {
			continue
		}
		c.pend(l, e)
		sleep(ctx, max(l.writes.open(), c.cfg.Retry))
	}
}

// flush writes once what still waits.
func (c *Cache) flush(ctx context.Context, l *guarded) {
	for e, some := l.take(); some && c.put(ctx, l, e); {
		e, some = l.take()
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// pend has an entry written to a layer if there is room for it to wait. Others would
// drop one that is too old.
func (c *Cache) pend(l *guarded, e Entry) {
	if !l.local && c.cfg.Clock().Sub(e.Time) > c.cfg.Oldest {
		return
	}
	if !l.add(e) {
		c.metrics.dropped.WithLabelValues(l.Name(), "full").Inc()
	}
}

// put writes one entry, and reports whether it was.
func (c *Cache) put(ctx context.Context, l *guarded, e Entry) bool {
	err := l.writes.do(ctx, false, func(ctx context.Context) error { return l.Put(ctx, e.Key, e.Time, seal(e, c.cfg.Scope, c.cfg.Keys...)) })
	switch {
	case err == nil:
		c.metrics.writes.WithLabelValues(l.Name()).Inc()
	case err != errOpen && ctx.Err() == nil:
		c.metrics.errors.WithLabelValues(l.Name()).Inc()
	}
	return err == nil
}
