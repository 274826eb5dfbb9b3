package discovery

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// breath is how long a change waits for those that were said in one breath with it.
const breath = time.Millisecond

// publishing makes snapshots until ctx ends: of what has come, and then of what comes
// while it gathers. The cache hears of what came last.
func (d *Directory) publishing(ctx context.Context) {
	defer func() { d.touch(d.taken().changed) }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		sleep(ctx, breath)
		d.publish()
		sleep(ctx, d.cfg.Gather)
	}
}

func (d *Directory) publish() {
	gathered := d.taken()
	changes := d.changes(gathered)
	now := d.now.Load()
	if len(changes) > 0 {
		now = now.with(changes)
		d.now.Store(now)
		d.metrics.count(changes)
		for _, h := range d.handlers {
			h(now, changes)
		}
		d.tellTwins(now, changes)
	}
	for _, h := range gathered.newest {
		h(now, now.everything())
		d.handlers = append(d.handlers, h)
	}
	d.touch(gathered.changed)
}

// gathered is what has come since the snapshot before.
type gathered struct {
	said    map[string][]saying // by canonical name, in the order of belief
	newest  []Handler
	changed []*told
}

func (d *Directory) taken() gathered {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := gathered{said: make(map[string][]saying, len(d.dirty)), newest: d.newest}
	for key := range d.dirty {
		var said []saying
		for _, t := range d.all {
			if s := t.said(key); s != nil {
				said = append(said, saying{s, t.hearsay})
			}
		}
		g.said[key] = said
	}
	for _, t := range d.all {
		if t.changed && !t.synced.IsZero() {
			g.changed = append(g.changed, t)
			t.changed = false
		}
	}
	clear(d.dirty)
	d.newest = nil
	return g
}

// changes are those that a reader can tell, in the order of names.
func (d *Directory) changes(g gathered) []Change {
	var all []Change
	before := d.now.Load()
	for key, said := range g.said {
		c := Change{Old: before.named(key), New: unite(said)}
		if c.Old == nil && c.New == nil || c.Old != nil && c.New != nil && alike(c.Old, c.New) {
			continue
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Change) int { return cmp.Compare(a.name(), b.name()) })
	return all
}

func (c Change) name() string {
	if c.New != nil {
		return c.New.Name
	}
	return c.Old.Name
}

// everything is the snapshot as changes from nothing.
func (s *Snapshot) everything() []Change {
	all := make([]Change, len(s.services))
	for i, service := range s.services {
		all[i].New = service
	}
	return all
}
