package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// kept is a key that somebody knows how to load.
type kept struct {
	load     func(context.Context) ([]byte, string, error)
	due      time.Time // when it is loaded next
	last     time.Time // when it was last; zero: never
	failures int       // in a row, to have anything to say too
	told     bool      // the log has an error of it
	loading  bool
	touched  bool // since the last load began
	looked   bool // whether the layers have been asked for what they have
}

// Keep has the entry of a key loaded now, if none that is fresh is there, again when
// part of its time to live has passed, and after each Touch. load may be called from
// another goroutine, one at a time for each key, and returns an error where it does not
// know: what is there stays then, and is stale in time.
func (c *Cache) Keep(key string, load func(ctx context.Context) (value []byte, version string, err error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.kept[key]; k != nil {
		k.load = load
		return
	}
	c.kept[key] = &kept{load: load, due: c.cfg.Clock()}
	c.poke()
}

// Touch says that the entry of a key has changed: it is loaded soon, once for all the
// calls until then.
func (c *Cache) Touch(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.kept[key]
	if k == nil || k.touched {
		return
	}
	k.touched = true
	if soon := k.last.Add(c.cfg.Settle); k.due.After(soon) {
		k.due = soon
	}
	c.poke()
}

func (c *Cache) poke() {
	select {
	case c.wake <- struct{}{}:
	default: // it is awake
	}
}

// Run loads and writes until ctx ends. Then it loads what was touched and writes what
// waits, if both take no longer than a second. No goroutine outlives it, but of a layer
// that does not end with its context.
func (c *Cache) Run(ctx context.Context) {
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var writers sync.WaitGroup
	for _, l := range c.layers {
		writers.Go(func() { c.write(writing, l) })
	}
	c.refresh(ctx)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	c.loadTouched(last)
	stop()
	writers.Wait()
	for _, l := range c.layers {
		writers.Go(func() { c.flush(last, l) })
	}
	writers.Wait()
}

// refresh loads what is due, a few keys at a time.
func (c *Cache) refresh(ctx context.Context) {
	var loads sync.WaitGroup
	defer loads.Wait()
	slots := make(chan struct{}, c.cfg.Loads)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		key, k, wait := c.next()
		if k != nil {
			loads.Go(func() {
				defer func() { <-slots }()
				c.renew(ctx, key, k)
			})
			continue
		}
		<-slots
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-c.wake:
		case <-ctx.Done():
		}
	}
}

// loadTouched loads what has changed and is not due yet, for no longer than half of the
// farewell: the rest is for writing it.
func (c *Cache) loadTouched(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell/2)
	defer cancel()
	var loads sync.WaitGroup
	c.mu.Lock()
	for key, k := range c.kept {
		if k.touched {
			loads.Go(func() { c.renew(ctx, key, k) })
		}
	}
	c.mu.Unlock()
	loads.Wait()
}

// next is the key that has been due for the longest, which loads from now on; or how
// long none will be.
func (c *Cache) next() (key string, k *kept, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Clock()
	wait = time.Hour
	for name, other := range c.kept {
		left := other.due.Sub(now)
		if other.loading || k == nil && left >= wait || k != nil && !other.due.Before(k.due) {
			continue
		}
		if left <= 0 {
			key, k = name, other
		} else {
			wait = left
		}
	}
	if k != nil {
		k.loading = true
	}
	return key, k, wait
}

// renew loads a key, unless the layers have it fresh and it has only begun to be kept.
func (c *Cache) renew(ctx context.Context, key string, k *kept) {
	first := !k.looked
	k.looked = true
	e, ok := c.find(ctx, key, false) // in memory, mostly; else there is time to wait for a layer
	if first && ok && !e.Stale && c.rests(key, k, e) {
		return
	}
	c.mu.Lock()
	k.touched = false
	load, began := k.load, c.cfg.Clock()
	k.last = began
	c.mu.Unlock()

	within, cancel := context.WithTimeout(ctx, c.cfg.LoadTimeout)
	value, version, err := load(within)
	cancel()
	if err != nil && ctx.Err() != nil { // the end cut it short
		c.mu.Lock()
		k.touched, k.loading = true, false
		c.mu.Unlock()
		return
	}
	e = Entry{Key: key, Version: version, Time: began.Round(0), Value: bytes.Clone(value)}
	if err == nil && size(e) > c.cfg.Bytes/4 {
		err = fmt.Errorf("an entry of %d bytes is more than a quarter of the cache's %d", size(e), c.cfg.Bytes)
	}
	if err == nil {
		c.fill(e, c.layers)
	} else {
		c.catchUp(ctx, key)
	}
	c.loaded(key, k, err)
}

// rests puts off the first load of a key of which a fresh entry is there. It reports
// false where it was touched meanwhile.
func (c *Cache) rests(key string, k *kept, e Entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.touched {
		return false
	}
	now := c.cfg.Clock()
	k.loading = false
	k.due = now.Add(max(0, c.life()-max(0, now.Sub(e.Time))))
	return true
}

// life is after how long an entry is loaded again.
func (c *Cache) life() time.Duration {
	part := c.cfg.Refresh + c.cfg.Jitter*(2*c.random.Float64()-1)
	return time.Duration(part * float64(c.cfg.TTL))
}

// loaded says when a key is loaded next.
func (c *Cache) loaded(key string, k *kept, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.loading = false
	result := "ok"
	switch {
	case err == nil:
		if k.told {
			c.cfg.Log.Debug("the cache is refreshed again", "key", key)
		}
		k.failures, k.told = 0, false
		k.due = k.last.Add(c.life())
	default:
		result = "nothing"
		if !errors.Is(err, ErrNothing) {
			result = "failed"
			if !k.told { // who knows the key has told the operator why already
				c.cfg.Log.Debug("the cache is not refreshed; what is there is served on", "key", key, "error", err)
			}
			k.told = true
		}
		wait := backOff(&c.cfg, k.failures)
		k.failures++
		k.due = c.cfg.Clock().Add(wait/2 + time.Duration(c.random.Float64()*float64(wait/2)))
	}
	if soon := k.last.Add(c.cfg.Settle); k.touched && k.due.After(soon) {
		k.due = soon
	}
	c.metrics.refreshes.WithLabelValues(result).Inc()
	c.poke()
}

// catchUp takes over from the layers what is newer than what memory has: another daemon
// may have written it.
func (c *Cache) catchUp(ctx context.Context, key string) {
	for i, l := range c.layers {
		e, ok := c.read(ctx, l, key, false)
		if !ok {
			continue
		}
		if was, has := c.memory.get(key); has && !e.Time.After(was.Time) {
			continue
		}
		c.fill(e, append(append([]*guarded(nil), c.layers[:i]...), c.layers[i+1:]...))
	}
}
