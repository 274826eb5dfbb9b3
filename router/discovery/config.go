package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/router/discovery/cache"
)

// Config says how a Directory works.
type Config struct {
	// Gather is how long after a snapshot the next may come: changes that come
	// together are one. A change that comes alone does not wait.
	Gather time.Duration
	// Restart is the wait before a source that failed is started again. It doubles
	// with each failure, up to MaxRestart.
	Restart, MaxRestart time.Duration
	// Recall bounds how long New waits for the cache.
	Recall time.Duration
	// Cache holds what sources said in an earlier life of the process; nil: nothing
	// does.
	Cache Keeper
	// Registerer is where metrics are registered; nil: nowhere.
	Registerer prometheus.Registerer
	Log        *slog.Logger
	// Clock tells the time.
	Clock func() time.Time
}

// Keeper is a cache, such as a cache.Cache. A Directory begins with what it holds, and lets it load anew what
// has changed.
type Keeper interface {
	// Get is the entry of a key.
	Get(ctx context.Context, key string) (cache.Entry, bool)
	// Keep says who knows a key. A load that knows nothing yet returns cache.ErrNothing.
	Keep(key string, load func(ctx context.Context) (value []byte, version string, err error))
	// Touch says that what a key means has changed. It does not wait.
	Touch(key string)
}

// DefaultConfig has no cache and no metrics.
func DefaultConfig() Config {
	return Config{
		Gather: 50 * time.Millisecond, Restart: time.Second, MaxRestart: 30 * time.Second, Recall: time.Second,
		Log: slog.New(slog.DiscardHandler), Clock: time.Now,
	}
}

// Validate reports everything that is missing or out of range.
func (c Config) Validate() error {
	var errs []error
	if c.Gather < 0 {
		errs = append(errs, fmt.Errorf("discovery: gather is %v; want 0 or more", c.Gather))
	}
	if c.Restart <= 0 || c.MaxRestart < c.Restart {
		errs = append(errs, fmt.Errorf("discovery: restart after %v, at most %v; want the first above 0, and no more than the second", c.Restart, c.MaxRestart))
	}
	if c.Recall <= 0 {
		errs = append(errs, fmt.Errorf("discovery: recall is %v; want more than 0", c.Recall))
	}
	if c.Log == nil || c.Clock == nil {
		errs = append(errs, errors.New("discovery: no log or no clock; begin with DefaultConfig"))
	}
	return errors.Join(errs...)
}
