package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Entry is what is kept under one key. Do not write to its Value.
type Entry struct {
	Key string
	// Version is the source's own; empty where it has none.
	Version string
	// Time is when the source was asked for it.
	Time  time.Time
	Value []byte
	// Stale says that its time to live is over.
	Stale bool
}

// Layer is a place below memory. It keeps texts, which only the cache reads. Its
// methods may be called from several goroutines at once, and should end with ctx.
type Layer interface {
	// Name tells it from the others in metrics and logs: disk, redis.
	Name() string
	// Get returns the text of a key, ErrNone where there is none.
	Get(ctx context.Context, key string) ([]byte, error)
	// Put keeps a text, of an entry of this time, in place of what is there; unless
	// that is of a later time, which is no error. A time that lies further ahead of the
	// layer's clock than MostSkew is not later than any.
	Put(ctx context.Context, key string, at time.Time, text []byte) error
}

// ErrNone is a layer's answer where it has no entry of a key.
var ErrNone = errors.New("no such entry")

// ErrNothing is what a load returns that has nothing to say yet, which is no failure:
// what is there stays.
var ErrNothing = errors.New("nothing to keep yet")

// MostSkew is how far the clocks of two daemons may differ: an entry from further in
// the future is dropped, one from less far is taken as of now.
const MostSkew = 5 * time.Minute

// Config says how a cache works.
type Config struct {
	// Scope tells what belongs together from what other daemons keep in the same
	// place: an entry of another scope is foreign.
	Scope string
	// Keys sign what is written, with the first of them; nothing is read but what one of
	// them signed. Who shares a layer shares the keys, see ParseKeys. None: a checksum
	// finds what was cut or mixed up, and whoever can write to a layer is believed.
	Keys [][]byte
	// TTL is how long an entry is good.
	TTL time.Duration
	// Oldest is how old an entry may be that is read from a layer that others write to:
	// what is older they have put back, or forgotten. What is on this machine's disk may
	// be of any age.
	Oldest time.Duration
	// Refresh is the part of the TTL after which an entry is loaded again, Jitter how
	// much sooner or later, as a part of the TTL.
	Refresh, Jitter float64
	// LoadTimeout is how long a load may take, and Loads how many there are at once.
	LoadTimeout time.Duration
	Loads       int
	// Settle is how far apart loads of a key are at least that Touch asks for.
	Settle time.Duration
	// Retry is how long after a load or a layer has failed it is tried again, at first;
	// it doubles up to RetryMost.
	Retry, RetryMost time.Duration
	// ReadTimeout and WriteTimeout are how long one layer is waited for, FirstTimeout how
	// long Get waits for one that is not on this machine and has not answered yet: once,
	// for whoever asks first may be about to begin.
	ReadTimeout, WriteTimeout, FirstTimeout time.Duration
	// Bytes bounds what memory holds, and what waits to be written to each layer. An
	// entry of more than a quarter of it is refused.
	Bytes int

	Clock      func() time.Time
	Seed       uint64
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// DefaultConfig refreshes between 85 % and 95 % of five minutes, the origin's figures
// with a jitter.
func DefaultConfig() Config {
	return Config{
		TTL: 5 * time.Minute, Refresh: 0.9, Jitter: 0.05, Oldest: 24 * time.Hour,
		LoadTimeout: 10 * time.Second, Loads: 4, Settle: time.Second,
		Retry: time.Second, RetryMost: 30 * time.Second,
		ReadTimeout: 250 * time.Millisecond, WriteTimeout: 5 * time.Second, FirstTimeout: 10 * time.Millisecond,
		Bytes: 64 << 20,
		Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	}
}

// Validate says what is wrong with a configuration.
func (c Config) Validate() error {
	switch {
	case c.TTL <= 0 || c.Oldest < c.TTL:
		return errors.New("cache: TTL must be more than 0, Oldest not less than it")
	case !(c.Jitter >= 0 && c.Refresh-c.Jitter > 0 && c.Refresh+c.Jitter < 1):
		return errors.New("cache: Refresh, with Jitter taken away or added, must be more than 0 and less than 1")
	case c.LoadTimeout <= 0 || c.Loads < 1 || c.Settle < 0:
		return errors.New("cache: LoadTimeout and Loads must be more than 0, Settle not less")
	case c.Retry <= 0 || c.RetryMost < c.Retry:
		return errors.New("cache: Retry must be more than 0, RetryMost not less than it")
	case c.ReadTimeout <= 0 || c.WriteTimeout <= 0 || c.FirstTimeout <= 0 || c.Bytes <= 0:
		return errors.New("cache: ReadTimeout, WriteTimeout, FirstTimeout and Bytes must be more than 0")
	case c.Bytes > 2*MostText: // a quarter of it, and its label, have to fit
		return fmt.Errorf("cache: Bytes is %d; want at most %d", c.Bytes, 2*MostText)
	case c.Clock == nil || c.Log == nil:
		return errors.New("cache: Clock and Log are needed")
	}
	return nil
}

// Cache is memory and the layers below it. Its methods may be called from anywhere at
// any time.
type Cache struct {
	cfg     Config
	memory  *memory
	layers  []*guarded
	metrics *metrics

	mu     sync.Mutex // of all below
	kept   map[string]*kept
	random *rand.Rand
	wake   chan struct{}     // holds one when a key may be due
	bad    map[string]defect // by layer and key: what was dropped last
}

// New returns a cache of memory and layers, the fastest first.
func New(cfg Config, layers ...Layer) (*Cache, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Cache{cfg: cfg, memory: newMemory(cfg.Bytes), kept: map[string]*kept{}, wake: make(chan struct{}, 1), bad: map[string]defect{},
		random: rand.New(rand.NewPCG(cfg.Seed, 0x66616972776179))}
	for _, l := range layers {
		c.layers = append(c.layers, newGuarded(l, &c.cfg))
	}
	c.metrics = newMetrics(c)
	return c, nil
}

// Get returns the entry of a key, of the first layer that has it. It waits no longer
// than each layer's time-out, and for memory not at all.
func (c *Cache) Get(ctx context.Context, key string) (Entry, bool) { return c.find(ctx, key, true) }

// find is Get; hurried says that somebody waits.
func (c *Cache) find(ctx context.Context, key string, hurried bool) (Entry, bool) {
	if e, ok := c.memory.get(key); ok {
		c.metrics.hits.WithLabelValues(inMemory).Inc()
		return c.dated(e), true
	}
	c.metrics.misses.WithLabelValues(inMemory).Inc()
	for i, l := range c.layers {
		if e, ok := c.read(ctx, l, key, hurried); ok {
			return c.dated(c.fill(e, c.layers[:i])), true
		}
	}
	return Entry{}, false
}

// dated marks an entry whose time to live is over.
func (c *Cache) dated(e Entry) Entry {
	e.Stale = c.cfg.Clock().Sub(e.Time) >= c.cfg.TTL
	return e
}

// fill keeps an entry in memory and, as soon as may be, in layers. It returns the
// newest in memory, which may be another.
func (c *Cache) fill(e Entry, layers []*guarded) Entry {
	newest, evicted := c.memory.put(e)
	if evicted > 0 {
		c.metrics.dropped.WithLabelValues(inMemory, "full").Add(float64(evicted))
	}
	for _, l := range layers {
		c.pend(l, newest)
	}
	return newest
}

// read asks one layer.
func (c *Cache) read(ctx context.Context, l *guarded, key string, hurried bool) (Entry, bool) {
	var text []byte
	err := l.reads.do(ctx, hurried && !l.local, func(ctx context.Context) (err error) {
		text, err = l.Get(ctx, key)
		return err
	})
	var e Entry
	if err == nil {
		e, err = unseal(text, c.cfg.Scope, key, c.cfg.Keys...)
	}
	if err == nil {
		err = c.clamp(&e, l.local)
	}
	switch {
	case errors.As(err, new(flawed)):
		c.drop(l.Name(), key, text, err)
		return Entry{}, false
	case errors.Is(err, errOpen):
		c.metrics.skipped.WithLabelValues(l.Name()).Inc()
		return Entry{}, false
	case errors.Is(err, ErrNone):
		c.metrics.misses.WithLabelValues(l.Name()).Inc()
		return Entry{}, false
	case err != nil:
		c.metrics.errors.WithLabelValues(l.Name()).Inc()
		return Entry{}, false
	}
	c.metrics.hits.WithLabelValues(l.Name()).Inc()
	c.mend(l.Name(), key)
	return e, true
}

// clamp refuses a time that is too long ago or yet to come, and takes one of another
// clock that is ahead a little as that of now.
func (c *Cache) clamp(e *Entry, local bool) error {
	now := c.cfg.Clock().Round(0)
	switch ahead := e.Time.Sub(now); {
	case ahead > MostSkew:
		return flawed{"future", "it is of " + e.Time.Format(time.RFC3339) + ", which is yet to come"}
	case ahead > 0:
		e.Time = now
	case -ahead > c.cfg.Oldest && !local:
		return flawed{"old", fmt.Sprintf("it is of %s, more than %v ago: it was put back, or nobody has renewed it since", e.Time.Format(time.RFC3339), c.cfg.Oldest)}
	}
	return nil
}

// defect is what is wrong with an entry, and which text it is that has it.
type defect struct {
	why string
	sum [sha256.Size]byte
}

// drop counts an entry that cannot be used, once for as long as it lies there, and
// tells of it, unless the one before it was as bad.
func (c *Cache) drop(layer, key string, text []byte, why error) {
	var f flawed
	errors.As(why, &f)
	now := defect{f.text, sha256.Sum256(text)}
	c.mu.Lock()
	id := layer + " " + key
	was, again := c.bad[id]
	if len(c.bad) >= 1000 {
		clear(c.bad)
	}
	c.bad[id] = now
	c.mu.Unlock()
	if now != was {
		c.metrics.dropped.WithLabelValues(layer, f.reason).Inc()
	}
	if !again || now.why != was.why {
		c.cfg.Log.Warn("an entry of the cache is dropped", "layer", layer, "key", key, "error", why)
	}
}

// mend forgets that the entry of a key was bad: it is another one.
func (c *Cache) mend(layer, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.bad, layer+" "+key)
}
