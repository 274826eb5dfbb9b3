package discovery

import "time"

// told is what one source has said. The directory's mu is held over all of it.
type told struct {
	source   Source
	hearsay  bool
	services map[string]*Service // by canonical name
	old      map[string]bool     // of services: said before the trouble, or in an earlier life, and not again
	up       bool                // it answers
	trouble  error
	synced   time.Time // zero: never in this life
	restarts int
	changed  bool                 // since the cache heard of it
	news     bool                 // it has said something that the cache has not loaded
	kept     bool                 // the cache has heard of it; the publishing goroutine's
	recalled bool                 // the cache had something of it
	looked   []string             // lines of the trouble at the look before
	reported time.Time            // when further trouble was last logged
	logged   map[string]time.Time // lines of its troubles that are in the log, and since when
}

func newTold(s Source) *told {
	_, hearsay := s.(Hearsay)
	return &told{source: s, hearsay: hearsay, services: map[string]*Service{}, old: map[string]bool{}}
}

// answers reports whether what was said before the trouble is true again. What an
// earlier life knew is not before the source has told everything once.
func (t *told) answers() bool { return t.up && !t.synced.IsZero() }

// said is what the source says of a name now, nil where there is nothing.
func (t *told) said(key string) *Service {
	s := t.services[key]
	if s == nil || !t.old[key] || t.answers() {
		return s
	}
	stale := *s
	stale.Stale = true
	return &stale
}

// sink is where a source speaks.
type sink struct {
	d *Directory
	t *told
}

func (k *sink) Put(s *Service) {
	d, t := k.d, k.t
	if why := tidy(s, t.source.Name(), d.cfg.Clock()); why != "" {
		d.cfg.Log.Warn("discovery: a service is left out", "source", t.source.Name(), "because", why)
		return
	}
	key := canonical(s.Name)
	d.mu.Lock()
	defer d.mu.Unlock()
	before := t.said(key)
	t.services[key] = s
	delete(t.old, key)
	if before == nil || !alike(before, s) {
		t.news = true
		k.dirty(key)
	}
}

func (k *sink) Delete(name string) {
	key := canonical(name)
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	k.drop(key)
}

func (k *sink) Synced() {
	d, t := k.d, k.t
	d.mu.Lock()
	back := t.trouble != nil
	for key := range t.old {
		k.drop(key)
	}
	if t.synced.IsZero() { // now there is something for the cache
		t.changed = true
		signal(d.wake)
	}
	t.up, t.trouble, t.synced = true, nil, d.cfg.Clock()
	d.mu.Unlock()
	if back {
		d.cfg.Log.Info("discovery: a source answers again", "source", t.source.Name())
	}
}

func (k *sink) Trouble(err error) {
	d, t := k.d, k.t
	d.mu.Lock()
	was := t.trouble
	t.trouble = err
	t.up = err == nil
	if !t.up {
		for key := range t.services {
			t.old[key] = true
		}
	}
	for key := range t.old { // most of them; publishing finds which are as before
		k.dirty(key)
	}
	if was == nil {
		t.log(troubles(err), d.cfg.Clock())
	}
	d.mu.Unlock()
	switch {
	case err != nil && was == nil:
		d.cfg.Log.Warn("discovery: a source does not tell what there is; what it said is served on, as stale", "source", t.source.Name(), "error", err)
	case err == nil && was != nil:
		d.cfg.Log.Info("discovery: a source answers again", "source", t.source.Name())
	}
}

func (k *sink) drop(key string) {
	if k.t.services[key] == nil {
		return
	}
	delete(k.t.services, key)
	delete(k.t.old, key)
	k.t.news = true
	k.dirty(key)
}

// dirty says that what the source says of a name is not what it said.
func (k *sink) dirty(key string) {
	k.t.changed = true
	k.d.dirty[key] = struct{}{}
	signal(k.d.wake)
}
