package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errOpen says that a layer was not asked, for it did not answer lately.
var errOpen = errors.New("not asked: it has failed of late")

// patience is how many failures in a row open a circuit.
const patience = 3

// circuit stands between the cache and one way of using a layer, reading or writing. It
// bounds how long and how often one waits for it. What a layer goes on with after its
// time is over holds a slot until it ends, so that there are never many of it.
type circuit struct {
	timeout time.Duration
	cfg     *Config
	slots   chan struct{}
	// turned is told when the layer fails for good, with the error, and when it answers
	// again, with nil.
	turned func(error)

	mu       sync.Mutex
	answered bool // once
	failures int
	until    time.Time // while it is open
}

func newCircuit(cfg *Config, timeout time.Duration, slots int, turned func(error)) *circuit {
	return &circuit{timeout: timeout, cfg: cfg, slots: make(chan struct{}, slots), turned: turned}
}

// do asks the layer, or returns errOpen. hurried: a layer that has never answered is
// waited for but once, for the FirstTimeout.
func (c *circuit) do(ctx context.Context, hurried bool, ask func(context.Context) error) error {
	admitted, answered := c.admits()
	if !admitted {
		return errOpen
	}
	timeout, most := c.timeout, patience
	if hurried && !answered {
		timeout, most = min(timeout, c.cfg.FirstTimeout), 1
	}
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := c.wait(within, ask)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v: %w", timeout, err)
	}
	switch {
	case err == nil || errors.Is(err, ErrNone) || errors.As(err, new(flawed)):
		c.well() // it answers
	case ctx.Err() == nil:
		c.fails(err, patience-most)
	}
	return err
}

func (c *circuit) wait(ctx context.Context, ask func(context.Context) error) error {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-c.slots }()
		done <- ask(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// admits reports whether the layer may be asked. Of those who come when an open circuit
// is due, the first tries.
func (c *circuit) admits() (admitted, answered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures < patience {
		return true, c.answered
	}
	now := c.cfg.Clock()
	if now.Before(c.until) {
		return false, c.answered
	}
	c.until = now.Add(c.timeout)
	return true, c.answered
}

func (c *circuit) well() {
	c.mu.Lock()
	was := c.failures
	c.failures, c.answered = 0, true
	c.mu.Unlock()
	if was >= patience {
		c.turned(nil)
	}
}

// fails counts a failure, and so many more.
func (c *circuit) fails(err error, more int) {
	c.mu.Lock()
	was := c.failures
	c.failures += 1 + more
	c.until = c.cfg.Clock().Add(backOff(c.cfg, c.failures-patience))
	turned := was < patience && c.failures >= patience
	c.mu.Unlock()
	if turned {
		c.turned(err)
	}
}

// open reports until when the circuit lets nobody through; how long that is.
func (c *circuit) open() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures < patience {
		return 0
	}
	return c.until.Sub(c.cfg.Clock())
}

// backOff is how long to wait after so many failures.
func backOff(cfg *Config, failures int) time.Duration {
	wait := cfg.Retry
	for ; failures > 0 && wait < cfg.RetryMost; failures-- {
		wait *= 2
	}
	return min(wait, cfg.RetryMost)
}
