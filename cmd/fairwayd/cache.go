package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery/cache"
	"github.com/fairway-mesh/fairway/router/discovery/cache/redis"
	"github.com/fairway-mesh/fairway/router/loop"
)

// cacheOptions say where is kept what was found and what was decided of it.
type cacheOptions struct {
	cacheDir, cacheScope, cacheKey, redis string
}

// noCache is the value of --cache for none on disk.
const noCache = "none"

func (o *cacheOptions) flags(fs *flag.FlagSet) {
	fs.StringVar(&o.cacheDir, "cache", "", "`directory` of what was found and served last, to begin with when nothing else answers, or none; default: in the state directory, none with --recording")
	fs.StringVar(&o.redis, "redis", "", "`URL` of a Redis in which daemons share that, such as redis://user:password@host:6379/0, rediss:// or unix:///path; default: none")
	fs.StringVar(&o.cacheKey, "cache-key", "", "`file` of the key that entries of the cache are signed with, 32 or more characters, the same for all daemons of a scope; a second line is the key before it, while any has that; default: entries are not signed")
	fs.StringVar(&o.cacheScope, "cache-scope", "", "`name` of what daemons share in Redis, such as the cluster's; default: made of --model, --rules, --prometheus, and where services are found (--discover, --kubeconfig, --namespaces)")
}

var scopeName = regexp.MustCompile(`^[A-Za-z0-9._-]{0,64}$`)

func (o *cacheOptions) check() error {
	if !scopeName.MatchString(o.cacheScope) {
		return usage(fmt.Sprintf("--cache-scope is %q; want at most 64 letters, digits, dots, - and _", o.cacheScope))
	}
	if o.redis == "" {
		return nil
	}
	r, err := redis.New(o.redis, "") // which connects to nothing
	if err != nil {
		return usage(fmt.Sprintf("--redis is no URL of a Redis: %v", err))
	}
	return r.Close()
}

// tableKey is the cache's of what the table served last.
const tableKey = "table"

// tableEvery is how far apart at least the table is saved: its writing should cost little,
// and what was decided a little earlier is as good to begin with.
const tableEvery = 10 * time.Second

// openCache makes the cache of what this daemon serves; there is none where nothing
// would outlive the process, or time is not the clock's.
func (d *daemon) openCache() (err error) {
	keys, err := d.cacheKeys()
	if err != nil {
		return fmt.Errorf("--cache-key: %w", err)
	}
	if d.recording != "" || d.checkConfig {
		return nil
	}
	cfg := cache.DefaultConfig()
	cfg.Scope, cfg.Settle, cfg.Keys = d.cacheScope, tableEvery, keys
	if cfg.Scope == "" {
		cfg.Scope = d.options.scope()
	}
	cfg.Seed, cfg.Log, cfg.Registerer = rand.Uint64(), d.log, d.reg
	var layers []cache.Layer
	dir := d.memory.Path("cache")
	if d.cacheDir != "" {
		dir = filepath.Join(d.cacheDir, cfg.Scope)
	}
	if dir != "" && d.cacheDir != noCache {
		layers = append(layers, cache.NewDisk(dir, cfg))
	}
	if d.redis != "" {
		if d.shared, err = redis.New(d.redis, cfg.Scope); err != nil {
			return fmt.Errorf("--redis: %w", err)
		}
		layers = append(layers, d.shared)
	}
	if len(layers) > 0 {
		d.cache, err = cache.New(cfg, layers...)
	}
	return err
}

// scope tells daemons apart that serve other things, or find them elsewhere.
func (o *options) scope() string {
	namespaces := slices.Compact(slices.Sorted(slices.Values(o.watched())))
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %q %q %q", o.serves(), o.found(), absolute(o.kubeconfig), namespaces))
	return fmt.Sprintf("%x", sum[:6])
}

// restore serves what was served last until there are metrics. Where none are asked for,
// the rules say all there is.
func (d *daemon) restore(ctx context.Context) {
	if d.cache == nil || d.prometheus == "" {
		return
	}
	e, ok := d.cache.Get(ctx, tableKey)
	if !ok {
		return
	}
	if err := d.loop.Restore(e.Value); err != nil {
		d.log.Warn("what was served last cannot be read", "error", err)
	}
}

// table is what the cache keeps of the table. Until there is something to keep, what
// another daemon has kept may come.
func (d *daemon) table(ctx context.Context) ([]byte, string, error) {
	version := d.loop.Table().Version()
	text, err := d.loop.Saved()
	if err == nil && text == nil {
		d.restore(ctx)
		err = cache.ErrNothing
	}
	return text, fmt.Sprint(version), err
}

// runCache writes and refreshes until the returned function ends it, which then keeps
// what was found and decided last: for whoever has said so, that is after they have ended.
func (d *daemon) runCache(ctx context.Context) (end func()) {
	if d.cache == nil {
		return func() {}
	}
	if d.prometheus != "" {
		d.cache.Keep(tableKey, d.table)
		d.cache.Touch(tableKey) // what another daemon has kept may have been too slow to come
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { d.cache.Run(ctx) })
	return func() { stop(); running.Wait() }
}

// published has the table saved, soon.
func (d *daemon) published() {
	if d.cache != nil {
		d.cache.Touch(tableKey)
	}
}

func (d *daemon) closeCache() {
	if d.shared != nil {
		_ = d.shared.Close() // of connections, on which nothing waits
	}
}

// servesFirst remembers what a database had to begin with, for when it does not answer.
func (d *daemon) servesFirst(c loop.Change) loop.Change {
	if err := d.memory.Serve(c); err != nil && !d.checkConfig {
		d.log.Error("not remembered on disk", "error", err)
	}
	return c
}

// lastServed is what served last of a subject that a database holds. It serves at once,
// and the database is asked when it does: whoever follows looks first of all.
func (d *daemon) lastServed(subject string) (first loop.Change, there bool) {
	if d.checkConfig {
		return first, false
	}
	first, err := d.memory.Served(subject)
	if err != nil {
		d.log.Error("what served last cannot be read", "error", err)
	}
	if first.ID == "" {
		return first, false
	}
	d.log.Info("what served last serves on, until the database answers", "subject", subject, "version", first.Name)
	return first, true
}
